package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestPredictWithPodsThatWait(t *testing.T) {
	full := func() *build { return new(build).node("a", "2").pods("ReplicaSet", "web", "2", "a") }
	const nowhere = "web-0 pending: 0/1 nodes are available for its replacement: 1 Insufficient cpu"
	for _, tt := range []struct {
		name  string
		build *build
		want  []string
	}{{
		name:  "a pod that has waited longer gets the room of one that goes",
		build: full().waiting("batch", "2", 0),
		want:  []string{nowhere, "of 1 that wait 1 get a node", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name:  "or a part of it",
		build: full().waiting("batch", "1", 0).waiting("other", "1", 0).waiting("third", "1", 0),
		want:  []string{nowhere, "of 3 that wait 2 get a node", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name:  "one that is too large does not",
		build: full().waiting("batch", "3", 10),
		want:  []string{"web-0 fits a>a", "of 1 that wait 0 get a node", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name:  "nor one that is less urgent",
		build: full().waiting("batch", "2", -1),
		want:  []string{"web-0 fits a>a", "of 1 that wait 0 get a node", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name: "nor one with a scheduling gate",
		build: full().waiting("batch", "2", 10).change("batch-0", func(pod *corev1.Pod) {
			pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "quota"}}
		}),
		want: []string{"web-0 fits a>a", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name:  "nor one of a scheduler that is not known",
		build: full().waiting("batch", "2", 10).change("batch-0", func(pod *corev1.Pod) { pod.Spec.SchedulerName = "unknown" }),
		want:  []string{"web-0 fits a>a", "of 1 that wait 0 get a node", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name: "one that waits in the same workload counts as ready when it has a node",
		build: func() *build {
			b := new(build).node("a", "3").pods("ReplicaSet", "web", "2", "a", "").change("web-1", func(pod *corev1.Pod) {
				pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
				pod.Spec.Priority = ptr.To[int32](0)
			})
			return b
		}(),
		want: []string{"web-0 pending: 0/1 nodes are available for its replacement: 1 Insufficient cpu", "of 1 that wait 1 get a node", "ReplicaSet default/web wants 2: 1, 0, 1"},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAssessor(t)
			for range 2 { // the first prediction leaves nothing behind
				p, err := a.Predict(t.Context(), tt.build.picture(), Loss{How: Evict, Pods: tt.build.named("web-0")})
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
