package cluster

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// mergeLabelKeys merges the label keys of the affinity's terms, with the labels of the pod,
// into their selectors, as the API server does when it creates a pod (mutatePodAffinity in
// pkg/registry/core/pod), because schedulers only read the selectors. For spread constraints,
// schedulers read the keys.
func mergeLabelKeys(affinity *corev1.Affinity, labels map[string]string) {
	if affinity == nil {
		return
	}
	merge := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		for i := range required {
			mergeKeysOfTerm(&required[i], labels)
		}
		for i := range preferred {
			mergeKeysOfTerm(&preferred[i].PodAffinityTerm, labels)
		}
	}
	if a := affinity.PodAffinity; a != nil {
		merge(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if a := affinity.PodAntiAffinity; a != nil {
		merge(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution)
	}
}

// mergeKeysOfTerm does not change a term without a selector, which matches no pods.
func mergeKeysOfTerm(term *corev1.PodAffinityTerm, labels map[string]string) {
	if term.LabelSelector == nil {
		return
	}
	for _, keys := range []struct {
		names    []string
		operator metav1.LabelSelectorOperator
	}{{term.MatchLabelKeys, metav1.LabelSelectorOpIn}, {term.MismatchLabelKeys, metav1.LabelSelectorOpNotIn}} {
		for _, key := range keys.names {
			if value, has := labels[key]; has {
				term.LabelSelector.MatchExpressions = append(term.LabelSelector.MatchExpressions,
					metav1.LabelSelectorRequirement{Key: key, Operator: keys.operator, Values: []string{value}})
			}
		}
	}
}
