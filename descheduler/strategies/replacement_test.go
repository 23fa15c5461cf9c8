package strategies

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// TestObjectivesMeasureTheReplacement: where the pod goes, what its template asks for counts.
func TestObjectivesMeasureTheReplacement(t *testing.T) {
	spec := func(cpu string, tolerations ...corev1.Toleration) corev1.PodSpec {
		return corev1.PodSpec{NodeName: "hot", Tolerations: tolerations, Containers: []corev1.Container{{
			Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
		}}}
	}
	node := func(name string, taints ...corev1.Taint) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Taints: taints}, Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10"), corev1.ResourcePods: resource.MustParse("10")},
		}}
	}
	old := corev1.Taint{Key: "old", Effect: corev1.TaintEffectNoSchedule}
	special := corev1.Taint{Key: "special", Effect: corev1.TaintEffectNoSchedule}
	scale := &utilizationScale{names: []corev1.ResourceName{corev1.ResourceCPU}}
	low, taints := &lowObjective{scale: scale, target: points{50}}, fewerTaints{}
	for _, tt := range []struct {
		name      string
		objective strategy.Objective
		pod       corev1.PodSpec
		template  corev1.PodSpec
		to        string
		want      float64
	}{
		{"one like the pod does not make the other node hot", low, spec("4"), spec("4"), "cold", 30},
		{"a larger one would", low, spec("4"), spec("6"), "cold", 0},
		{"a smaller one would not, but the node gets rid of the whole pod", low, spec("6"), spec("1"), "cold", 50},
		{"one that is smaller is no reason to start the pod anew where it is", low, spec("6"), spec("1"), "hot", 0},
		{"a node whose taint the template tolerates is free of taints", taints, spec("1"), spec("1", corev1.Toleration{Key: "special", Operator: corev1.TolerationOpExists}), "special", 1},
		{"one whose taint it does not tolerate is not", taints, spec("1"), spec("1"), "special", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"}, Spec: appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{Spec: tt.template}}}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-0", UID: "web-0", OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: ptr.To(true)},
			}}, Spec: tt.pod}
			beside := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "beside", UID: "beside"}, Spec: spec("4")}
			state := strategy.NewState(&strategy.Snapshot{
				Nodes: []*corev1.Node{node("hot", old), node("cold"), node("special", special)}, Pods: []*corev1.Pod{beside}, ReplicaSets: []*appsv1.ReplicaSet{set},
			}, labels.Everything())
			if got := tt.objective.Gain(state, pod, tt.to); got != tt.want {
				t.Errorf("gain %g, want %g", got, tt.want)
			}
		})
	}
}
