package packing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// tiny is a workload of a few nodes, every third with GPU.
func tiny() Workload {
	w := Workload{Name: "tiny"}
	for i := range 6 {
		w.Nodes = append(w.Nodes, mixedNode(i))
	}
	w.Kinds = []*corev1.Pod{
		newPod(4000, 8*gib, 0), newPod(500, 16*gib, 0), newPod(2000, 4*gib, 500), newPod(9000, 32*gib, 2000, "A"),
		newPod(1000, 2*gib, 250), newPod(12000, 64*gib, 4000), newPod(500, gib, 1000, "A", "B"),
	}
	return w
}

func TestArrivals(t *testing.T) {
	plain := tiny()
	plain.Kinds = plain.Kinds[:2]
	nothing := tiny()
	nothing.Kinds = []*corev1.Pod{newPod(0, 0, 0)}
	tests := []struct {
		name     string
		workload Workload
		demand   corev1.ResourceName
	}{
		{"GPU counts where pods ask for it", tiny(), GPUMilli},
		{"cpu counts where none does, though nodes have it", plain, corev1.ResourceCPU},
		{"the number of pods counts where they ask for nothing", nothing, corev1.ResourcePods},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.workload.demand(); got != tt.demand {
				t.Fatalf("the demand is for %s, want %s", got, tt.demand)
			}
			pods := tt.workload.Arrivals(7, 1.3)
			if !equality.Semantic.DeepEqual(pods, tt.workload.Arrivals(7, 1.3)) {
				t.Error("the same seed gives different pods")
			}
			var asked, last int64
			names := map[string]bool{}
			for _, p := range pods {
				last = cluster.Requests(p)[tt.demand]
				asked += last
				names[p.Name+"/"+string(p.UID)] = true
			}
			enough := 1.3 * float64(tt.workload.capacity()[tt.demand])
			if float64(asked) < enough || float64(asked-last) >= enough {
				t.Errorf("the pods ask for %d, the last for %d: want just %.0f", asked, last, enough)
			}
			if len(names) != len(pods) {
				t.Errorf("%d pods have %d names", len(pods), len(names))
			}
		})
	}
	if equality.Semantic.DeepEqual(tiny().Arrivals(1, 5), tiny().Arrivals(2, 5)) {
		t.Error("different seeds give the same pods")
	}
	if got := (Workload{Nodes: tiny().Nodes}).Arrivals(1, 1); got != nil {
		t.Errorf("%d pods arrive where there are no kinds", len(got))
	}
}

// TestEachKindArrivesOnce before any arrives again.
func TestEachKindArrivesOnce(t *testing.T) {
	w := tiny()
	seen := map[int64]int{}
	for _, p := range w.Arrivals(3, 5)[:len(w.Kinds)] {
		requests := cluster.Requests(p)
		seen[requests["cpu"]+requests["memory"]]++
	}
	if len(seen) != len(w.Kinds) {
		t.Errorf("the first %d pods are of %d kinds", len(w.Kinds), len(seen))
	}
}

func TestGeneratedIsTheSameEachTime(t *testing.T) {
	first, second := Generated(), Generated()
	if !equality.Semantic.DeepEqual(first, second) {
		t.Error("the workloads are different the second time")
	}
	var got []string
	for _, w := range first {
		got = append(got, fmt.Sprintf("%s: %d nodes, %d kinds, demand for %s", w.Name, len(w.Nodes), len(w.Kinds), w.demand()))
	}
	want := []string{
		"uniform: 300 nodes, 2000 kinds, demand for cpu",
		"small and large: 300 nodes, 2000 kinds, demand for cpu",
		"cpu or memory: 300 nodes, 2000 kinds, demand for cpu",
		"GPU: 300 nodes, 2000 kinds, demand for stowage.dev/gpu-milli",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}

// TestReplay looks at every placement that each subject makes.
func TestReplay(t *testing.T) {
	for _, subject := range Subjects() {
		t.Run(subject.Name, func(t *testing.T) {
			w := tiny()
			r := newReplay(w, subject, 1)
			if err := r.run(t.Context(), subject, func(int, int) {}); err != nil {
				t.Fatal(err)
			}
			if placed := len(r.placed); placed == 0 || placed+r.result.Unplaced != r.result.Pods || r.result.Unplaced == 0 {
				t.Errorf("%d pods are placed and %d not, of %d that ask for more than there is", placed, r.result.Unplaced, r.result.Pods)
			}
			for i, free := range (&cluster.Snapshot{Nodes: w.Nodes, Pods: r.placed}).Free() {
				for name, amount := range free {
					if amount < 0 {
						t.Errorf("%s has %d of %s too much", w.Nodes[i].Name, -amount, name)
					}
				}
			}
			models := map[string]string{}
			for _, n := range w.Nodes {
				models[n.Name] = n.Labels[gpuModelLabel]
			}
			for _, p := range r.placed {
				if wanted := modelsOf(p); wanted != nil && models[p.Spec.NodeName] != "A" {
					t.Errorf("%s, for models %v, is on %s", p.Name, wanted, p.Spec.NodeName)
				}
			}
			if r.result.LowerBound == 0 || r.result.NodesUsed < r.result.LowerBound {
				t.Errorf("%d nodes are used at half the demand, of %d at least", r.result.NodesUsed, r.result.LowerBound)
			}
		})
	}
}

// TestRun covers the order of replays, and that a replay has the same result when
// it is repeated.
func TestRun(t *testing.T) {
	subjects := Subjects()[:2]
	var lines []string
	progress := func(p Progress) {
		if p.Arrived == 0 {
			lines = append(lines, strings.SplitAfter(p.String(), ": pod")[0])
		}
	}
	run := func() []Result {
		var all []Result
		err := Run(t.Context(), []Workload{tiny()}, subjects, 2, progress, func(results []Result) error {
			all = append(all, results...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	results := run()
	want := []string{
		"replay 1 of 4: tiny, upstream LeastAllocated, seed 1: pod",
		"replay 2 of 4: tiny, upstream MostAllocated, seed 1: pod",
		"replay 3 of 4: tiny, upstream LeastAllocated, seed 2: pod",
		"replay 4 of 4: tiny, upstream MostAllocated, seed 2: pod",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(results, run()); diff != "" {
		t.Errorf("results (-first +second):\n%s", diff)
	}
	for _, r := range results {
		for name, fraction := range r.Allocated {
			if !(fraction > 0 && fraction <= 1) {
				t.Errorf("%s, seed %d: %v of %s is allocated", r.Subject, r.Seed, fraction, name)
			}
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	arrived := 0
	err := Run(ctx, []Workload{tiny()}, Subjects(), 1, func(Progress) {
		if arrived++; arrived == 5 {
			cancel()
		}
	}, func([]Result) error { return errors.New("there are results") })
	if !errors.Is(err, context.Canceled) || arrived > 5 {
		t.Errorf("error %v after %d pods, want the end after 5", err, arrived)
	}
}
