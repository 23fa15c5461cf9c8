package topology

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// nodeFilter says which nodes make up a term's domains. The zero filter takes all.
type nodeFilter struct {
	// keys are labels that a node must have, whatever their values.
	keys []string
	// affinity is what a pod requires of a node's labels and name; nil if the term
	// does not ask for it.
	affinity *nodeaffinity.RequiredNodeAffinity
	// taints says that nodes with taints that keep the pod out do not count.
	taints      bool
	tolerations []corev1.Toleration
	// comparisons says that tolerations may compare numbers.
	comparisons bool
	// podID names what affinity and tolerations ask for.
	podID string
}

// admits reports whether the node counts.
func (f *nodeFilter) admits(node *corev1.Node) bool {
	if !hasAll(node.Labels, f.keys) {
		return false
	}
	if f.affinity != nil {
		// An expression that cannot be parsed matches nothing, as upstream has it.
		if matches, _ := f.affinity.Match(node); !matches {
			return false
		}
	}
	if f.taints {
		_, untolerated := v1helper.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, f.tolerations, helper.DoNotScheduleTaintsFilterFunc(), f.comparisons)
		return !untolerated
	}
	return true
}

// writeID writes what names the filter.
func (f *nodeFilter) writeID(id *strings.Builder) {
	for _, key := range f.keys {
		writePart(id, key)
	}
	id.WriteByte(2)
	writePart(id, f.podID)
}

// honour makes the filter take only nodes that the pod could go to by node selector
// and required node affinity, and by taints, where asked.
func (f *nodeFilter) honour(pod *corev1.Pod, affinity, taints bool) error {
	var asks struct {
		Selector    map[string]string    `json:",omitempty"`
		Affinity    *corev1.NodeSelector `json:",omitempty"`
		Taints      bool                 `json:",omitempty"`
		Tolerations []corev1.Toleration  `json:",omitempty"`
	}
	if affinity {
		asks.Selector, asks.Affinity = pod.Spec.NodeSelector, requiredNodes(pod)
		if len(asks.Selector) > 0 || asks.Affinity != nil {
			required := nodeaffinity.GetRequiredNodeAffinity(pod)
			f.affinity = &required
		}
	}
	if taints {
		asks.Taints, asks.Tolerations = true, pod.Spec.Tolerations
		f.taints, f.tolerations = true, pod.Spec.Tolerations
	}
	if f.affinity == nil && !f.taints {
		return nil
	}
	id, err := json.Marshal(asks)
	if err != nil {
		return fmt.Errorf("reading the required nodes of pod %s: %w", klog.KObj(pod), err)
	}
	f.podID = string(id)
	return nil
}

// requiredNodes returns the pod's required node affinity; nil if it has none.
func requiredNodes(pod *corev1.Pod) *corev1.NodeSelector {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// hasAll reports whether the labels have all the keys.
func hasAll(labels map[string]string, keys []string) bool {
	for _, key := range keys {
		if _, has := labels[key]; !has {
			return false
		}
	}
	return true
}
