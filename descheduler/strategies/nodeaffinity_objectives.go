package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// allowedNode is the objective of being on a node that matches the required node affinity.
type allowedNode struct{}

// Gain implements strategy.Objective: 1 if that node matches and the current one does not.
func (allowedNode) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	from, there := state.Node(pod.Spec.NodeName), state.Node(to)
	if from == nil || there == nil || allowed(pod, from.Node) || !allowed(state.Replacement(pod), there.Node) {
		return 0
	}
	return 1
}

// Describe implements strategy.Objective.
func (allowedNode) Describe(float64) string {
	return "on a node that matches its required node affinity"
}

// allowed includes the node selector, as the scheduler does. An invalid affinity matches no
// node, as in the scheduler.
func allowed(pod *corev1.Pod, node *corev1.Node) bool {
	if affinity := nodeAffinityOf(pod); len(pod.Spec.NodeSelector) == 0 && (affinity == nil || affinity.RequiredDuringSchedulingIgnoredDuringExecution == nil) {
		return true
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	return err == nil && matches
}

// preferredNode is the objective of being on a node that the pod prefers.
type preferredNode struct{}

// Gain implements strategy.Objective: the increase in the weight of matching preferred terms.
func (preferredNode) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	from, there, weights := state.Node(pod.Spec.NodeName), state.Node(to), weightsOf(state.Replacement(pod))
	if from == nil || there == nil || weights == nil {
		return 0
	}
	return float64(weights.Score(there.Node) - weights.Score(from.Node))
}

// Describe implements strategy.Objective.
func (preferredNode) Describe(gain float64) string {
	return fmt.Sprintf("preferred node affinity weight up %.0f", gain)
}

// weightsOf returns the pod's preferred node affinity, or nil if it has none or an invalid one.
func weightsOf(pod *corev1.Pod) *nodeaffinity.PreferredSchedulingTerms {
	affinity := nodeAffinityOf(pod)
	if affinity == nil || len(affinity.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		return nil
	}
	weights, err := nodeaffinity.NewPreferredSchedulingTerms(affinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return nil
	}
	return weights
}

// bestWeights knows the largest weight that pods could have on an eligible node.
type bestWeights struct {
	eligible *eligibleNodes
	of       map[string]int64 // by what the pods ask of nodes
}

func (b *bestWeights) weight(pod *corev1.Pod, weights *nodeaffinity.PreferredSchedulingTerms) int64 {
	signature := nodeSignature(pod) + jsonOf(nodeAffinityOf(pod).PreferredDuringSchedulingIgnoredDuringExecution)
	best, known := b.of[signature]
	if !known {
		for _, node := range b.eligible.nodes(pod) {
			best = max(best, weights.Score(node.Node))
		}
		b.of[signature] = best
	}
	return best
}
