package planner

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// TestWorldStaysInStep proposes at random, in vain and not, and compares the world with a
// new one of the pods that are left in it.
func TestWorldStaysInStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b, nodes := new(build), []string{"a", "b", "c", "d"}
		for _, node := range nodes {
			b.node(node, fmt.Sprint(rapid.IntRange(2, 8).Draw(rt, "cpu of "+node)))
		}
		for i := range rapid.IntRange(1, 8).Draw(rt, "pods") {
			b.pods(fmt.Sprint("w", i), rapid.SampledFrom([]string{"fullest", "emptiest", "unknown"}).Draw(rt, "scheduler"),
				fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "cpu")), rapid.SampledFrom(nodes).Draw(rt, "node"))
			if rapid.Bool().Draw(rt, "the pod was resized") {
				b.template(fmt.Sprint("w", i), fmt.Sprint(rapid.IntRange(1, 3).Draw(rt, "cpu of the template")))
			}
		}
		for i, node := range b.Nodes {
			if rapid.Bool().Draw(rt, "GPUs of "+node.Name) {
				b.Nodes[i].Status.Allocatable["example.com/gpu"] = resource.MustParse(rapid.SampledFrom([]string{"0", "2"}).Draw(rt, "GPUs"))
			}
		}
		for _, pod := range b.Pods {
			switch rapid.IntRange(0, 5).Draw(rt, "state") {
			case 0:
				clustertest.DrawResize(rt, pod)
			case 1:
				pod.DeletionTimestamp = ptr.To(metav1.NewTime(now))
			case 2:
				pod.Spec.Containers[0].Resources.Requests["example.com/gpu"] = resource.MustParse("1")
			}
		}
		proposal := func() strategy.Proposal {
			objective := rapid.SampledFrom([]strategy.Objective{off("a"), off("a", "b"), off(nodes...), strategy.Anywhere, strategy.Gone}).Draw(rt, "objective")
			return strategy.Proposal{Pod: b.Pods[rapid.IntRange(0, len(b.Pods)-1).Draw(rt, "pod")], Objective: objective}
		}
		kept, replacements := 0, []*corev1.Pod(nil)
		run := func(ctx context.Context, s strategy.Session) error {
			for range rapid.IntRange(1, 10).Draw(rt, "proposals") {
				var proposals []strategy.Proposal
				for range rapid.IntRange(1, 3).Draw(rt, "together") {
					proposals = append(proposals, proposal())
				}
				var outcome strategy.Outcome
				var err error
				if swap := len(proposals) == 2 && rapid.Bool().Draw(rt, "swap"); swap {
					outcome, err = s.Swap(ctx, proposals[0], proposals[1])
				} else {
					outcome, err = s.Propose(ctx, proposals...)
				}
				if err != nil {
					return err
				}
				if outcome.Kept {
					kept += len(proposals)
				}
			}
			compareWithNew(rt, s.(*session))
			for _, placed := range s.(*session).placed {
				replacements = append(replacements, placed)
			}
			return nil
		}
		p := newPlanner(t, run)
		made, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{})
		if err != nil {
			rt.Fatal(err)
		}
		templates := map[string]int64{}
		for _, set := range b.ReplicaSets {
			for _, c := range set.Spec.Template.Spec.Containers {
				templates[set.Name] = c.Resources.Requests.Cpu().MilliValue()
			}
		}
		for _, pod := range replacements {
			want, known := templates[pod.Labels["app"]]
			if got := cluster.Requests(pod)[corev1.ResourceCPU]; known && got != want {
				rt.Errorf("%s asks for %d, and its template for %d", pod.Name, got, want)
			}
		}
		if len(made.Moves) != kept {
			rt.Errorf("%d moves, want the %d that were kept", len(made.Moves), kept)
		}
	})
}

// compareWithNew compares the session's world with a new one of the same pods: what nodes
// have, and where schedulers would put pods.
func compareWithNew(t *rapid.T, s *session) {
	picture := &cluster.Snapshot{Nodes: s.state.Picture().Nodes}
	for _, node := range s.state.Nodes() {
		picture.Pods = append(picture.Pods, node.Pods...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	fresh, err := newWorld(ctx, picture, s.planner)
	if err != nil {
		t.Fatal(err)
	}
	answers := func(w *world) []string {
		var all []string
		for _, node := range w.state.Nodes() {
			all = append(all, fmt.Sprint(node.Name, " ", node.Requested[corev1.ResourceCPU], " ", node.Lasting[corev1.ResourceCPU], " ", node.Requested["example.com/gpu"], " ", node.Requested[corev1.ResourcePods]))
		}
		for _, scheduler := range []string{"fullest", "emptiest"} {
			for _, cpu := range []string{"1", "3"} {
				probe := new(build).pods("probe", scheduler, cpu, "").Pods[0]
				decision, err := w.sim.Schedule(ctx, probe)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, fmt.Sprint(scheduler, " ", cpu, " ", decision.Possible))
			}
		}
		return all
	}
	if diff := cmp.Diff(answers(fresh), answers(s.world)); diff != "" {
		t.Errorf("answers of the world (-new +in step):\n%s", diff)
	}
}
