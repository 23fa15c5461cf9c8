package simulation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestPreempt(t *testing.T) {
	urgent := func(p *corev1.Pod, priority int32) *corev1.Pod {
		p.Spec.Priority = &priority
		return p
	}
	never := urgent(pod("new", "", "2", "0"), 10)
	never.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever)
	on := func(pods ...*corev1.Pod) []*corev1.Pod { return pods }
	for _, tt := range []struct {
		name string
		pods []*corev1.Pod
		pod  *corev1.Pod
		want []string // the node, and the pods that go
	}{
		{"the least urgent pods go", on(urgent(pod("a-0", "a", "4", "0"), 2), urgent(pod("b-0", "b", "2", "0"), 1), urgent(pod("b-1", "b", "2", "0"), 2)), urgent(pod("new", "", "2", "0"), 10), []string{"b", "b-0"}},
		{"as few as are in the way, of equals the first node by name", on(urgent(pod("a-0", "a", "2", "0"), 1), urgent(pod("a-1", "a", "2", "0"), 1), urgent(pod("b-0", "b", "2", "0"), 1), urgent(pod("b-1", "b", "2", "0"), 1)), urgent(pod("new", "", "2", "0"), 10), []string{"a", "a-1"}},
		{"none where a node takes the pod", on(urgent(pod("a-0", "a", "4", "0"), 1)), urgent(pod("new", "", "2", "0"), 10), []string{""}},
		{"none that is as urgent", on(pod("a-0", "a", "4", "0"), pod("b-0", "b", "4", "0")), pod("new", "", "2", "0"), []string{""}},
		{"none where that does not help", on(urgent(pod("a-0", "a", "4", "0"), 1), urgent(pod("b-0", "b", "4", "0"), 1)), urgent(pod("new", "", "5", "0"), 10), []string{""}},
		{"none for a pod that never preempts", on(urgent(pod("a-0", "a", "4", "0"), 1), urgent(pod("b-0", "b", "4", "0"), 1)), never, []string{""}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "default-scheduler")
			feed(t, s, []*corev1.Node{node("a", "4", "4Gi"), node("b", "4", "4Gi")}, tt.pods)
			for range 3 { // the same each time
				made, err := s.Preempt(t.Context(), tt.pod)
				if err != nil {
					t.Fatal(err)
				}
				got := []string{made.Node}
				for _, victim := range made.Victims {
					got = append(got, victim.Name)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("preemption (-want +got):\n%s", diff)
				}
			}
		})
	}
}
