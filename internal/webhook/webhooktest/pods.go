// Package webhooktest draws pods to be admitted.
package webhooktest

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// Pods are such as the API server gets to see: of several schedulers, with and without limits, with
// affinities and gates of their own, and after a pass of the policy.
var Pods = rapid.Custom(func(t *rapid.T) *corev1.Pod {
	flip := func(what string) bool { return rapid.Bool().Draw(t, what) }
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: corev1.PodSpec{
		SchedulerName: rapid.SampledFrom([]string{"stowage", "stowage-spread", "stowage", "default-scheduler"}).Draw(t, "scheduler"),
		Containers:    []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
	}}
	if flip("annotated") {
		pod.Annotations = map[string]string{"example.com/other": "x"}
		if mode := rapid.SampledFrom([]string{"", "never", "require", "prefer", "allow", "Never"}).Draw(t, "mode"); mode != "" {
			pod.Annotations["stowage.dev/preemptible"] = mode
		}
		if flip("at most") {
			pod.Annotations["stowage.dev/preemptible-max"] = "50%"
		}
		if flip("at least") {
			pod.Annotations["stowage.dev/on-demand-min"] = "1"
		}
	}
	if flip("affinity") {
		pod.Spec.Affinity = affinities.Draw(t, "affinity of its own")
	}
	for _, gate := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"stowage.dev/limit", "example.com/gate"}), 0, 2, rapid.ID).Draw(t, "gates") {
		pod.Spec.SchedulingGates = append(pod.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: gate})
	}
	if flip("owned") {
		kind := rapid.SampledFrom([]string{"DaemonSet", "ReplicaSet"}).Draw(t, "kind")
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: "owner", UID: "owner", Controller: ptr.To(flip("controlled"))}}
	}
	return pod
})

var affinities = rapid.Custom(func(t *rapid.T) *corev1.Affinity {
	affinity := &corev1.Affinity{}
	if rapid.Bool().Draw(t, "of pods") {
		affinity.PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{}}}}
	}
	terms := rapid.SliceOfN(terms, 0, 3).Draw(t, "terms")
	if len(terms) > 0 || rapid.Bool().Draw(t, "of nodes") {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	if len(terms) > 0 {
		affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	}
	return affinity
})

var terms = rapid.Custom(func(t *rapid.T) corev1.NodeSelectorTerm {
	var term corev1.NodeSelectorTerm
	for range rapid.IntRange(0, 3).Draw(t, "expressions") {
		term.MatchExpressions = append(term.MatchExpressions, rapid.SampledFrom([]corev1.NodeSelectorRequirement{
			{Key: "karpenter.sh/capacity-type", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"spot"}},
			{Key: "karpenter.sh/capacity-type", Operator: corev1.NodeSelectorOpIn, Values: []string{"spot", "on-demand"}},
			{Key: "cloud.google.com/gke-spot", Operator: corev1.NodeSelectorOpDoesNotExist},
			{Key: "cloud.google.com/gke-provisioning", Operator: corev1.NodeSelectorOpIn, Values: []string{"spot"}},
			{Key: "disk", Operator: corev1.NodeSelectorOpExists},
			{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"a", "b"}},
		}).Draw(t, "expression"))
	}
	if rapid.Bool().Draw(t, "with a field") {
		term.MatchFields = []corev1.NodeSelectorRequirement{{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{"node"}}}
	}
	return term
})
