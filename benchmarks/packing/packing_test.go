package packing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
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
		"bimodal: 300 nodes, 2000 kinds, demand for cpu",
		"cpu-heavy: 300 nodes, 2000 kinds, demand for cpu",
		"memory-heavy: 300 nodes, 2000 kinds, demand for memory",
		"cpu-and-memory-heavy: 300 nodes, 2000 kinds, demand for cpu",
		"gpu: 300 nodes, 2000 kinds, demand for stowage.dev/gpu-milli",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}

// TestReplay looks at every placement that each subject makes.
func TestReplay(t *testing.T) {
	for _, subject := range Subjects() {
		t.Run(subject.Name, func(t *testing.T) {
			w := tiny()
			r := newReplay(w)
			if err := r.run(t.Context(), subject, 1, func(int, int) {}); err != nil {
				t.Fatal(err)
			}
			if r.pods != len(w.Arrivals(1, Multiple)) || r.unplaced == 0 || r.unplaced == r.pods {
				t.Errorf("%d of %d pods are not placed, that ask for more than there is", r.unplaced, r.pods)
			}
			for i, free := range r.snapshot().Free() {
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
			for _, p := range r.arrived {
				if wanted := modelsOf(p); wanted != nil && p.Spec.NodeName != "" && models[p.Spec.NodeName] != "A" {
					t.Errorf("%s, for models %v, is on %s", p.Name, wanted, p.Spec.NodeName)
				}
			}
			if overlooked := r.snapshot().Overlooked(); len(overlooked) > 0 {
				t.Errorf("there is room for %d pods that are not placed", len(overlooked))
			}
			if r.lowerBound == 0 || r.nodesUsed < r.lowerBound {
				t.Errorf("%d nodes are used at half the demand, of %d at least", r.nodesUsed, r.lowerBound)
			}
			last := r.curve[len(r.curve)-1]
			if len(r.curve) < 26 || !slices.IsSortedFunc(r.curve, func(a, b point) int { return cmp.Compare(a.allocated, b.allocated) }) ||
				math.Abs(last.allocated-r.allocated[GPUMilli]) > 1e-9 {
				t.Errorf("the curve %v does not lead to %v", r.curve, r.allocated[GPUMilli])
			}
		})
	}
}

// TestSubjects covers that each decides by what it is named for.
func TestSubjects(t *testing.T) {
	w := Workload{Name: "even", Demand: corev1.ResourceCPU, Kinds: []*corev1.Pod{newPod(1000, gib, 0)}}
	for i := range 10 {
		w.Nodes = append(w.Nodes, newNode(fmt.Sprintf("node-%d", i), 10_000, 10*gib, 0, ""))
	}
	used := map[string]int{}
	for _, subject := range Subjects() {
		r := newReplay(w)
		if err := r.run(t.Context(), subject, 1, func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		used[subject.Name] = r.nodesUsed
	}
	if random := used["random"]; random <= 5 || random == 10 && used["least-allocated"] != 10 {
		t.Errorf("50 pods are drawn onto %d nodes", random)
	}
	delete(used, "random")
	want := map[string]int{
		"stowage": 5, "most-allocated-all": 5, "least-allocated": 10, "requested-to-capacity-ratio": 5,
		"best-fit-last-resort": 5, "best-fit-like-any-other": 5, "dot-product-last-resort": 5, "dot-product-like-any-other": 5,
		"fragmentation-last-resort": 5, "fragmentation-like-any-other": 5,
	}
	if diff := gocmp.Diff(want, used); diff != "" {
		t.Errorf("nodes used for half the demand (-want +got):\n%s", diff)
	}
}

// TestDefaultProfile covers that upstream's subjects decide what the default profile does that
// is set like them and looks at all nodes.
func TestDefaultProfile(t *testing.T) {
	whole := Subject{Name: "default profile", profile: profileName, configuration: `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: subject
  plugins:
    score:
      disabled: [{name: NodeResourcesBalancedAllocation}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}, {name: ` + string(GPUMilli) + `, weight: 1}]
`}
	alone := Subjects()[1]
	var results []result
	for _, subject := range []Subject{whole, alone} {
		r := newReplay(tiny())
		if err := r.run(t.Context(), subject, 1, func(int, int) {}); err != nil {
			t.Fatal(err)
		}
		results = append(results, r.result)
	}
	if diff := gocmp.Diff(results[0], results[1], gocmp.AllowUnexported(result{}, point{})); diff != "" {
		t.Errorf("%s (-default profile +alone):\n%s", alone.Name, diff)
	}
}

// TestCompact covers the size found where it is known, and that pods which fit on fewer
// nodes if they are spread badly need more.
func TestCompact(t *testing.T) {
	w := Workload{Name: "even", Demand: corev1.ResourceCPU, Kinds: []*corev1.Pod{newPod(1000, gib, 0), newPod(1000, gib, 0), newPod(5000, gib, 0)}}
	for i := range 40 {
		w.Nodes = append(w.Nodes, newNode(fmt.Sprintf("node-%02d", i), 10_000, 100*gib, 0, ""))
	}
	found := map[string]float64{}
	for _, subject := range Subjects() {
		part, err := compact(t.Context(), w, subject, 1, func(int) {})
		if err != nil {
			t.Fatal(err)
		}
		found[subject.Name] = part
	}
	for name, part := range found {
		if part < 0.5 || part > 1 {
			t.Errorf("%s: half of the capacity fits on %v of the nodes", name, part)
		}
	}
	if found["most-allocated-all"] > 0.6 || found["random"] <= found["most-allocated-all"] {
		t.Errorf("packed, the pods fit on %v of the nodes, drawn on %v", found["most-allocated-all"], found["random"])
	}
}

// TestRun covers what is told of a comparison, and that it comes to the same when it is
// repeated.
func TestRun(t *testing.T) {
	subjects := Subjects()[:2]
	run := func() ([]figure.Figure, []figure.Series) {
		var figures []figure.Figure
		var series []figure.Series
		last := Progress{}
		err := Run(t.Context(), []Workload{tiny()}, subjects, Options{
			Seeds: 2, Compact: true,
			Progress: func(p Progress) {
				if p.Replays != 4 || p.Done < last.Done || p.Done >= 4 || p.Workload != "tiny" || p.Seed < 1 || p.Seed > 2 {
					t.Errorf("progress: %s", p)
				}
				last = p
			},
			Finished: func(f []figure.Figure, s []figure.Series) error {
				figures, series = f, s
				return nil
			},
		})
		if err != nil || last.Done == 0 {
			t.Fatalf("error %v after %s", err, last)
		}
		return figures, series
	}
	figures, series := run()
	again, seriesAgain := run()
	if diff := gocmp.Diff(figures, again) + gocmp.Diff(series, seriesAgain); diff != "" {
		t.Errorf("results (-first +second):\n%s", diff)
	}
	var charts []string
	for _, s := range series {
		charts = append(charts, s.Chart+", "+s.Name)
	}
	want := []string{
		"allocation against demand: tiny/6, stowage", "nodes used against demand: tiny/6, stowage",
		"allocation against demand: tiny/6, most-allocated-all", "nodes used against demand: tiny/6, most-allocated-all",
	}
	if diff := gocmp.Diff(want, charts); diff != "" {
		t.Errorf("charts (-want +got):\n%s", diff)
	}
	for _, metric := range []string{allocated, allocated + "_cpu", allocated + "_memory", arrivals, unplaced, refused, stranded, nodesUsed, lowerBound, nodesUsedOverBound, compacted} {
		if f, found := figure.Find(figures, "tiny/6", "stowage", metric); !found || len(f.Samples) != 2 {
			t.Errorf("%s: %v", metric, f)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	arrived := 0
	err := Run(ctx, []Workload{tiny()}, Subjects(), Options{
		Seeds: 1, Compact: true,
		Progress: func(Progress) {
			if arrived++; arrived == 5 {
				cancel()
			}
		},
		Finished: func([]figure.Figure, []figure.Series) error { return errors.New("there are results") },
	})
	if !errors.Is(err, context.Canceled) || arrived > 5+len(Subjects()) {
		t.Errorf("error %v after %d pods, want the end after 5", err, arrived)
	}
}
