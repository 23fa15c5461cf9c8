package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestPredictPreemption(t *testing.T) {
	of := func(priority int32) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Spec.Priority = &priority }
	}
	// The lost node's urgent pod finds no room beside less urgent ones.
	full := func() *build {
		return new(build).node("lost", "2").node("a", "2").node("b", "1").pods("ReplicaSet", "web", "2", "lost").change("web-0", of(10)).
			pods("ReplicaSet", "batch", "1", "a", "a").change("batch-0", of(1)).change("batch-1", of(1))
	}
	for _, tt := range []struct {
		name  string
		build *build
		want  []string
	}{{
		name:  "an urgent replacement pushes out others, whose replacements are placed in turn",
		build: full(),
		want: []string{
			"web-0 fits lost>a",
			"batch-0 fits a>b", "batch-1 pending: 0/3 nodes are available for its replacement: 2 Insufficient cpu, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/batch wants 2: 2, 0, 1", "ReplicaSet default/web wants 1: 1, 0, 1",
		},
	}, {
		name:  "not one that never preempts",
		build: full().change("web-0", func(pod *corev1.Pod) { pod.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever) }),
		want: []string{
			"web-0 pending: 0/3 nodes are available for its replacement: 2 Insufficient cpu, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/web wants 1: 1, 0, 0",
		},
	}, {
		name:  "nor one that is as urgent as the others",
		build: full().change("web-0", of(1)),
		want: []string{
			"web-0 pending: 0/3 nodes are available for its replacement: 2 Insufficient cpu, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/web wants 1: 1, 0, 0",
		},
	}, {
		name: "a budget that has to give way is broken",
		build: func() *build {
			b := full().budget("batch", "batch", 1)
			return b
		}(),
		want: []string{
			"web-0 fits lost>a",
			"batch-0 fits a>b", "batch-1 pending: 0/3 nodes are available for its replacement: 2 Insufficient cpu, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/batch wants 2: 2, 0, 1", "ReplicaSet default/web wants 1: 1, 0, 1",
			"budget batch: 2 of 1, broken",
		},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAssessor(t)
			for range 2 { // the first prediction leaves nothing behind
				p, err := a.Predict(t.Context(), tt.build.picture(), Loss{How: Down, Dead: true, Nodes: tt.build.nodes("lost")})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, shown(p)); diff != "" {
					t.Errorf("prediction (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestWhichPodsArePushedOutIsNotHeldAgainstReality(t *testing.T) {
	p := &Prediction{
		Pods: []PodFate{
			{Namespace: "shop", Pod: "web-0", UID: "0", Workload: "Deployment shop/web", Fate: Fits, Preempts: 1},
			{Namespace: "shop", Pod: "batch-0", UID: "1", Workload: "Deployment shop/batch", Fate: Pending, PreemptedBy: "shop/web-0"},
		},
		Workloads: []WorkloadFate{{Workload: "Deployment shop/batch", Desired: 2, Ready: 2, Floor: 1, After: 1}, {Workload: "Deployment shop/web", Desired: 1, Ready: 1, Floor: 0, After: 1}},
	}
	reality := Reality{Gone: map[types.UID]bool{"0": true, "2": true}, Workloads: map[string]WorkloadReality{
		"Deployment shop/batch": {Floor: 2, Ready: 2}, "Deployment shop/web": {Ready: 1},
	}}
	if diff := cmp.Diff(Accuracy{Statements: 5, Right: 5}, Compare(p, reality)); diff != "" {
		t.Errorf("accuracy (-want +got):\n%s", diff)
	}
}
