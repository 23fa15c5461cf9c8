package planner

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// told is a picture in short: nodes in use, and the mean of cpu.
func told(p plan.Picture) string {
	return fmt.Sprintf("%d of %d in use, %.0f %% of %s", p.Used, p.Nodes, p.Resources[0].Mean, p.Resources[0].Name)
}

// terminate has a pod be told to end, as an eviction does: a kubelet lets it run on for its grace
// period, and may write its end before it is gone.
func terminate(pod *corev1.Pod) {
	pod.DeletionTimestamp = ptr.To(metav1.NewTime(now.Add(30 * time.Second)))
	pod.DeletionGracePeriodSeconds = ptr.To(int64(30))
}

func TestPicture(t *testing.T) {
	// Node a has nothing but web-0, and half of node b is taken.
	two := func() *build {
		return new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "5", "a").pods("db", "emptiest", "5", "b")
	}
	for _, tt := range []struct {
		name      string
		build     *build
		evictions []string
		want      string
	}{
		{name: "pods that stay count", build: two(), want: "2 of 2 in use, 50 % of cpu"},
		{name: "a pod on its way out does not", build: two().change("web-0", terminate), want: "1 of 2 in use, 25 % of cpu"},
		{
			name: "nor does one that has ended on its way out", want: "1 of 2 in use, 25 % of cpu",
			build: two().change("web-0", func(pod *corev1.Pod) {
				terminate(pod)
				pod.Status.Phase = corev1.PodSucceeded
			}),
		},
		{
			name: "nor one whose eviction goes on in the background", want: "1 of 2 in use, 25 % of cpu",
			build: two().change("web-0", func(pod *corev1.Pod) { pod.Annotations = map[string]string{cluster.EvictionInProgressAnnotation: ""} }),
		},
		{name: "nor one that was evicted a moment ago", build: two(), evictions: []string{"web-0"}, want: "1 of 2 in use, 25 % of cpu"},
		{name: "which counts once where it is seen to go", build: two().change("web-0", terminate), evictions: []string{"web-0"}, want: "1 of 2 in use, 25 % of cpu"},
		{
			name: "one that a node runs by itself has the node in use by nobody", want: "1 of 2 in use, 50 % of cpu",
			build: two().change("web-0", func(pod *corev1.Pod) { pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var evictions []plan.Eviction
			for _, name := range tt.evictions {
				pod := *tt.build.pod(name)
				pod.DeletionTimestamp = nil // as it was when it was planned
				evictions = append(evictions, plan.Eviction{Move: plan.Move{Object: &pod}, Outcome: disruption.Evicted})
			}
			p := newPlanner(t, func(context.Context, strategy.Session) error { return nil })
			if got := told(p.Picture(&tt.build.Snapshot, evictions)); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAfterIsAsPlanned carries a plan out as a kubelet does it: the replacement runs while the
// pod that it came for has yet to go.
func TestAfterIsAsPlanned(t *testing.T) {
	b := new(build).node("a", "10").node("b", "10").pods("web", "emptiest", "2", "a").pods("db", "emptiest", "5", "b").pods("old", "emptiest", "3", "b").change("old-0", terminate)
	b.Nodes[0].Spec.Unschedulable = true
	p := newPlanner(t, func(ctx context.Context, s strategy.Session) error {
		_, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod("web-0"), Reason: "test", Objective: off("a")})
		return err
	})
	made, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{})
	if err != nil || len(made.Moves) != 1 {
		t.Fatalf("%d moves, error %v", len(made.Moves), err)
	}
	was := *b.pod("web-0")
	came := was
	came.Name, came.UID, came.Spec.NodeName = "web-new", types.UID("web-new"), "b"
	b.Pods = append(b.Pods, &came)
	b.change("web-0", terminate)
	after := p.Picture(&b.Snapshot, []plan.Eviction{{Move: plan.Move{Object: &was}, Outcome: disruption.Evicted}})
	if diff := cmp.Diff(made.After, after); diff != "" {
		t.Errorf("the pictures planned and after differ (-planned +after):\n%s", diff)
	}
	if got, want := []string{told(made.Before), told(after)}, []string{"2 of 2 in use, 35 % of cpu", "1 of 2 in use, 35 % of cpu"}; !cmp.Equal(got, want) {
		t.Errorf("before and after are %v, want %v", got, want)
	}
}
