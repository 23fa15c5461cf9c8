package simulation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// narrowed returns the pod with a demand for one of the nodes, beside its own demands.
func narrowed(pod *corev1.Pod, nodes []string) *corev1.Pod {
	some := *pod
	affinity, nodeAffinity := &corev1.Affinity{}, &corev1.NodeAffinity{}
	if pod.Spec.Affinity != nil {
		*affinity = *pod.Spec.Affinity
	}
	if affinity.NodeAffinity != nil {
		*nodeAffinity = *affinity.NodeAffinity
	}
	own := []corev1.NodeSelectorTerm{{}}
	if required := nodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		// A term that demands nothing matches nothing.
		own = slices.DeleteFunc(slices.Clone(required.NodeSelectorTerms), func(term corev1.NodeSelectorTerm) bool {
			return len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0
		})
	}
	var terms []corev1.NodeSelectorTerm
	for _, term := range own {
		for _, node := range nodes {
			one := corev1.NodeSelectorRequirement{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
			terms = append(terms, corev1.NodeSelectorTerm{
				MatchExpressions: term.MatchExpressions, MatchFields: append(slices.Clone(term.MatchFields), one),
			})
		}
	}
	nodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	affinity.NodeAffinity = nodeAffinity
	some.Spec.Affinity = affinity
	return &some
}
