package cluster

import (
	"encoding/json"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// eligible reports whether the pod would fit on the node if the node were empty: by taints,
// node selector, required node affinity and size. It ignores conditions that depend on other
// pods (inter-pod affinity, spread constraints, host ports) and volumes.
func eligible(pod *corev1.Pod, requests Amounts, node *corev1.Node, allocatable Amounts) bool {
	if node.Spec.Unschedulable || NodeLeaving(node) != "" || !requests.fits(allocatable) {
		return false
	}
	_, untolerated := v1helper.FindMatchingUntoleratedTaint(logr.Discard(), node.Spec.Taints, pod.Spec.Tolerations, func(taint *corev1.Taint) bool {
		return taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute
	}, true)
	if untolerated {
		return false
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return err == nil && matches
}

// class is a set of pods with the same requirements, which are eligible for the same nodes.
type class struct {
	pods     []*corev1.Pod
	requests Amounts
	nodes    []int
}

// classes groups the pods into classes, and finds the nodes of each class.
func (s *Snapshot) classes(pods []*corev1.Pod) []*class {
	allocatable := make([]Amounts, len(s.Nodes))
	for i, node := range s.Nodes {
		allocatable[i] = Allocatable(node)
	}
	bySignature := map[string]*class{}
	var all []*class
	for _, pod := range pods {
		requests := Requests(pod)
		signature := signatureOf(pod, requests)
		c, known := bySignature[signature]
		if !known {
			c = &class{requests: requests}
			for i, node := range s.Nodes {
				if eligible(pod, requests, node, allocatable[i]) {
					c.nodes = append(c.nodes, i)
				}
			}
			bySignature[signature] = c
			all = append(all, c)
		}
		c.pods = append(c.pods, pod)
	}
	return all
}

// signatureOf returns everything about a pod that eligible uses.
func signatureOf(pod *corev1.Pod, requests Amounts) string {
	var affinity *corev1.NodeAffinity
	if pod.Spec.Affinity != nil {
		affinity = pod.Spec.Affinity.NodeAffinity
	}
	signature, err := json.Marshal([]any{requests, pod.Spec.NodeSelector, affinity, pod.Spec.Tolerations})
	if err != nil {
		return string(pod.UID) // its own class
	}
	return string(signature)
}
