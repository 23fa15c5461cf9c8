package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPinAndUnpin(t *testing.T) {
	zone := func(zone string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone}}}}
	}
	preferred := []corev1.PreferredSchedulingTerm{{Weight: 1, Preference: zone("b")}}
	for name, affinity := range map[string]*corev1.Affinity{
		"without an affinity":       nil,
		"with one for other pods":   {PodAffinity: &corev1.PodAffinity{}},
		"with a preference":         {NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: preferred}},
		"with one of several zones": {NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{zone("a"), zone("b")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := corev1.PodSpec{Affinity: affinity.DeepCopy()}
			Pin(&spec, "n")
			for _, term := range spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
				if len(term.MatchFields) != 1 || term.MatchFields[0].Values[0] != "n" {
					t.Errorf("a term allows other nodes: %+v", term)
				}
			}
			unpin(&spec)
			if diff := cmp.Diff(affinity, spec.Affinity, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("after unpin (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplacementOfAStandIn has the controller of a pod that was a stand-in, and is about to be
// replaced by another one, create its next pod.
func TestReplacementOfAStandIn(t *testing.T) {
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}, Annotations: map[string]string{corev1.PodDeletionCost: "7"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}},
	}
	for name, keep := range map[string]func(*Snapshot){
		"with its template":    func(*Snapshot) {},
		"as a copy of the pod": func(s *Snapshot) { s.ReplicaSets = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{}
			controllerOf(s, "ReplicaSet", template, metav1.OwnerReference{APIVersion: appsv1.SchemeGroupVersion.String(), Kind: "Deployment", Name: "app", UID: "app"})
			pod := podOf("app-1", *metav1.NewControllerRef(s.ReplicaSets[0], appsv1.SchemeGroupVersion.WithKind("ReplicaSet")))
			pod.Spec = *template.Spec.DeepCopy()
			Pin(&pod.Spec, "n")
			pod.Labels = map[string]string{"app": "web", StandInLabel: OfReplaced}
			pod.Annotations = map[string]string{StandInAnnotation: "{}", DeletionCostWasAnnotation: "7", corev1.PodDeletionCost: "-2147483648"}
			keep(s)
			made, _ := NewOwners(s).Replacement(pod)
			if made.Spec.Affinity != nil {
				t.Errorf("the replacement is bound to a node: %+v", made.Spec.Affinity)
			}
			if diff := cmp.Diff(template.Labels, made.Labels); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(template.Annotations, made.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
}
