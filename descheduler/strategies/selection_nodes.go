package strategies

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// eligibleNodes finds the nodes that pods could run on by the nodes' labels, taints and cordons,
// and whether they are being removed, regardless of the pods on them.
type eligibleNodes struct {
	state *strategy.State
	of    map[string][]*strategy.Node // by the pods' nodeSignature
}

func newEligibleNodes(state *strategy.State) *eligibleNodes {
	return &eligibleNodes{state: state, of: map[string][]*strategy.Node{}}
}

// nodes returns the nodes that the pod could run on, by name.
func (e *eligibleNodes) nodes(pod *corev1.Pod) []*strategy.Node {
	signature := nodeSignature(pod)
	nodes, known := e.of[signature]
	if !known {
		affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
		for _, node := range e.state.Nodes() {
			if nodeEligible(pod, affinity, node.Node) {
				nodes = append(nodes, node)
			}
		}
		e.of[signature] = nodes
	}
	return nodes
}

// nodeSignature contains everything of a pod that nodeEligible depends on.
func nodeSignature(pod *corev1.Pod) string {
	var required *corev1.NodeSelector
	if affinity := nodeAffinityOf(pod); affinity != nil {
		required = affinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return jsonOf(pod.Spec.NodeSelector, required, pod.Spec.Tolerations)
}

// jsonOf returns a text that is the same for the same values.
func jsonOf(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // parts of API objects, which came as JSON
	}
	return string(text)
}

func nodeAffinityOf(pod *corev1.Pod) *corev1.NodeAffinity {
	if pod.Spec.Affinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity
}

// cordon is the taint that a pod has to tolerate to be put on a cordoned node.
var cordon = corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}

func nodeEligible(pod *corev1.Pod, affinity nodeaffinity.RequiredNodeAffinity, node *corev1.Node) bool {
	if cluster.NodeLeaving(node) != "" || node.Spec.Unschedulable && !tolerates(pod.Spec.Tolerations, &cordon) || !toleratesHardTaints(pod.Spec.Tolerations, node) {
		return false
	}
	matches, err := affinity.Match(node)
	return err == nil && matches
}

// toleratesHardTaints says whether the pod tolerates all hard taints of the node.
func toleratesHardTaints(tolerations []corev1.Toleration, node *corev1.Node) bool {
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(tolerations, taint) {
			return false
		}
	}
	return true
}

// tolerates supports all operators: the API server rejects pods with operators that it does not
// support.
func tolerates(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return corev1helpers.TolerationsTolerateTaint(klog.Background(), tolerations, taint, true)
}
