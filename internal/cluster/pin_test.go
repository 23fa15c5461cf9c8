package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestPinDemandsOneOfTheNodesBesideThePodsOwnDemands(t *testing.T) {
	zone := corev1.NodeSelectorRequirement{Key: "zone", Operator: corev1.NodeSelectorOpIn, Values: []string{"west"}}
	name := func(node string) corev1.NodeSelectorRequirement {
		return corev1.NodeSelectorRequirement{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
	}
	demanding := func(terms ...corev1.NodeSelectorTerm) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}}}
	}
	for _, tt := range []struct {
		name string
		pod  *corev1.Pod
		want []corev1.NodeSelectorTerm
	}{
		{"a pod without demands", &corev1.Pod{}, []corev1.NodeSelectorTerm{
			{MatchFields: []corev1.NodeSelectorRequirement{name("a")}}, {MatchFields: []corev1.NodeSelectorRequirement{name("b")}},
		}},
		{"a pod with a demand, and a term that matches nothing", demanding(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{zone}}, corev1.NodeSelectorTerm{}), []corev1.NodeSelectorTerm{
			{MatchExpressions: []corev1.NodeSelectorRequirement{zone}, MatchFields: []corev1.NodeSelectorRequirement{name("a")}},
			{MatchExpressions: []corev1.NodeSelectorRequirement{zone}, MatchFields: []corev1.NodeSelectorRequirement{name("b")}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.pod.DeepCopy()
			pinned := *tt.pod
			Pin(&pinned.Spec, "a", "b")
			got := pinned.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.pod); diff != "" {
				t.Errorf("the pod itself was changed:\n%s", diff)
			}
		})
	}
}
