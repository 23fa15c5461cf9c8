package assess

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestAsManyFitWhenLooksAreShared loses nodes with pods of one size, of which as many fit as
// there is room, whichever nodes they choose.
func TestAsManyFitWhenLooksAreShared(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := new(build).node("lost", "100")
		room := 0
		for i := range rapid.IntRange(1, 8).Draw(rt, "nodes") {
			cpu := rapid.IntRange(1, 6).Draw(rt, "cpu")
			b.node(fmt.Sprint("n", i), fmt.Sprint(cpu))
			room += cpu
		}
		victims := 0
		for w := range rapid.IntRange(1, 3).Draw(rt, "workloads") {
			on := make([]string, rapid.IntRange(1, 20).Draw(rt, "replicas"))
			for i := range on {
				on[i] = "lost"
			}
			victims += len(on)
			b.pods("ReplicaSet", fmt.Sprint("w", w), "1", on...)
		}
		a := newAssessor(t)
		defer a.Close()
		a.opts.thrift = thrift{from: 1, best: rapid.IntRange(1, 4).Draw(rt, "best"), times: rapid.IntRange(1, 6).Draw(rt, "times")}
		got, err := a.Predict(t.Context(), b.picture(), Loss{How: Down, Dead: true, Nodes: b.nodes("lost")})
		if err != nil {
			rt.Fatal(err)
		}
		want := []int{min(victims, room), max(0, victims-room)}
		if diff := cmp.Diff(want, []int{got.Count(Fits), got.Count(Pending)}); diff != "" {
			rt.Errorf("fit and pending (-want +got):\n%s", diff)
		}
	})
}

func TestNodesAreLookedAtAnewBeforeTheBestAreFull(t *testing.T) {
	b := new(build).node("lost", "100").node("a", "10").node("b", "10").node("c", "10")
	b.pods("ReplicaSet", "web", "1", "lost", "lost", "lost", "lost", "lost", "lost")
	for _, pod := range b.Pods {
		pod.Spec.SchedulerName = "other" // which prefers empty nodes
	}
	a := newAssessor(t)
	a.opts.thrift = thrift{from: 1, best: 1, times: 2}
	got, err := a.Predict(t.Context(), b.picture(), Loss{How: Down, Dead: true, Nodes: b.nodes("lost")})
	if err != nil {
		t.Fatal(err)
	}
	perNode := map[string]int{}
	for _, pod := range got.Pods {
		perNode[pod.Node]++
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 2, "c": 2}, perNode); diff != "" {
		t.Errorf("pods per node (-want +got):\n%s", diff)
	}
}
