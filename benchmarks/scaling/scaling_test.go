package scaling

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/client-go/tools/cache"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestFitPower(t *testing.T) {
	tests := []struct {
		name   string
		points [][2]float64
		want   fit
	}{
		{"twice the nodes cost twice as much", [][2]float64{{1000, 5}, {2000, 10}, {4000, 20}}, fit{1, 0, 1}},
		{"the nodes do not matter", [][2]float64{{1000, 5}, {2000, 5}, {4000, 5}}, fit{0, 0, 1}},
		{"two points", [][2]float64{{1, 1}, {100, 10}}, fit{0.5, math.NaN(), 1}},
		{
			// log10 x = 0, 1, 2, 3 and log10 y = 0, 2, 1, 3: Sxx = 5, Sxy = 4, Syy = 5.
			"points beside the line", [][2]float64{{1, 1}, {10, 100}, {100, 10}, {1000, 1000}}, fit{0.8, math.Sqrt((5 - 0.8*4) / 2 / 5), 1 - (5-0.8*4)/5},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := fitPower(tt.points)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(fit{}), cmpopts.EquateApprox(0, 1e-6), cmpopts.EquateNaNs()); diff != "" {
				t.Errorf("fit (-want +got):\n%s", diff)
			}
		})
	}
}

func TestComparisons(t *testing.T) {
	all := Choice{Workloads: Workloads, Subjects: Subjects, Nodes: []int{1000, 100_000}}
	tests := []struct {
		name   string
		choice Choice
		want   []string
	}{
		{"everything, and who looks at all nodes in small clusters only", all, []string{
			"plain/nodes=1000/fill=0: stowage exhaustive most-allocated-all default-batching", "plain/nodes=1000/fill=90: stowage exhaustive most-allocated-all default-batching",
			"mixed/nodes=1000/fill=0: stowage exhaustive most-allocated-all default-batching", "hostname-anti-affinity/nodes=1000/fill=0: stowage exhaustive most-allocated-all default-batching",
			"zone-affinity/nodes=1000/fill=0: stowage exhaustive most-allocated-all default-batching",
			"plain/nodes=100000/fill=0: stowage default-batching", "plain/nodes=100000/fill=90: stowage default-batching", "mixed/nodes=100000/fill=0: stowage default-batching",
			"hostname-anti-affinity/nodes=100000/fill=0: stowage default-batching", "zone-affinity/nodes=100000/fill=0: stowage default-batching",
		}},
		{"quick", all.Quick(), []string{
			"plain/nodes=1000/fill=0: stowage default-batching", "mixed/nodes=1000/fill=0: stowage default-batching", "zone-affinity/nodes=1000/fill=0: stowage default-batching",
		}},
		{"nobody is left", Choice{Workloads: Workloads, Subjects: []string{exhaustive}, Nodes: []int{100_000}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range tt.choice.Comparisons() {
				line := c.Case.String() + ":"
				for _, s := range c.Subjects {
					line += " " + s.Name
				}
				got = append(got, line)
				if !c.Footprint {
					t.Errorf("%s: no footprint is asked for", c.Case)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("comparisons (-want +got):\n%s", diff)
			}
		})
	}
}

// example is a choice of two lines, and made-up figures of three sizes.
func example() (Choice, []figure.Figure) {
	choice := Choice{Workloads: []string{"plain", "zone-affinity"}, Subjects: []string{stowage}, Nodes: []int{1000, 10_000, 100_000}, emptyOnly: true}
	var figures []figure.Figure
	for i, nodes := range choice.Nodes {
		plain, zones := fmt.Sprintf("plain/nodes=%d/fill=0", nodes), fmt.Sprintf("zone-affinity/nodes=%d/fill=0", nodes)
		cost := math.Pow(10, float64(i))
		figures = append(figures,
			figure.Figure{Case: plain, Subject: stowage, Metric: loop.CPUPerPod}.Of(100, 100*cost, 100*cost*cost),
			figure.Figure{Case: plain, Subject: stowage, Metric: loop.FirstPod, Value: 5 * cost},
			figure.Figure{Case: plain, Subject: stowage, Metric: loop.Heap, Value: 2 * cost},
			figure.Figure{Case: zones, Subject: stowage, Metric: loop.CPUPerPod}.Of(70, 70, 70),
			figure.Figure{Case: zones, Subject: stowage, Metric: loop.Heap, Value: 10 * cost},
		)
	}
	return choice, figures
}

func TestDerivedFigures(t *testing.T) {
	choice, figures := example()
	want := []figure.Figure{
		{Case: "plain/fill=0", Subject: stowage, Metric: exponent, Value: 1, Min: 0, Max: 2, Samples: []float64{0, 1, 2}, Better: figure.Lower},
		{Case: "plain/fill=0", Subject: stowage, Metric: standardError, Value: 0},
		{Case: "plain/fill=0", Subject: stowage, Metric: rSquared, Value: 1},
		{Case: "zone-affinity/fill=0", Subject: stowage, Metric: exponent, Samples: []float64{0, 0, 0}, Better: figure.Lower},
		{Case: "zone-affinity/fill=0", Subject: stowage, Metric: standardError, Value: 0},
		{Case: "zone-affinity/fill=0", Subject: stowage, Metric: rSquared, Value: 1},
		// 200 MiB of 100,000 nodes, and 800 MiB more with 10 pods on each.
		{Case: "plain/nodes=100000/fill=0", Subject: stowage, Metric: bytesPerNode, Value: 2097, Unit: "B", Better: figure.Lower},
		{Case: "zone-affinity/nodes=100000/fill=0", Subject: stowage, Metric: bytesPerPod, Value: 839, Unit: "B", Better: figure.Lower},
	}
	if diff := cmp.Diff(want, append(choice.exponents(figures), choice.memory(figures)...), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	var names []string
	for _, s := range choice.series(figures) {
		names = append(names, s.Chart+", "+s.Name)
	}
	wantNames := []string{"What a pod costs as the cluster grows: plain/fill=0, stowage", "What a pod costs as the cluster grows: zone-affinity/fill=0, stowage"}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][2]float64{{1000, 100}, {10_000, 1000}, {100_000, 10_000}}, choice.series(figures)[0].Points); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

// TestOneSize covers that nothing is said to grow where only one size was measured.
func TestOneSize(t *testing.T) {
	choice, figures := example()
	choice.Nodes = choice.Nodes[:1]
	if got := append(choice.exponents(figures), figure.Figure{}); len(got) != 1 {
		t.Errorf("there are exponents: %v", got)
	}
	if got := choice.series(figures); len(got) != 0 {
		t.Errorf("there are series: %v", got)
	}
}

func TestWriteTables(t *testing.T) {
	choice, figures := example()
	figures = append(figures, append(choice.exponents(figures), choice.memory(figures)...)...)
	figures = append(figures,
		figure.Figure{Case: "object/node", Subject: informer, Metric: storedBytes, Value: 9000}, figure.Figure{Case: "object/node", Subject: informer, Metric: keptBytes, Value: 17_000},
		figure.Figure{Case: "object/node", Subject: informer, Metric: decoding, Value: 20},
		figure.Figure{Case: "object/pod", Subject: informer, Metric: storedBytes, Value: 3000}, figure.Figure{Case: "object/pod", Subject: informer, Metric: keptBytes, Value: 12_000},
		figure.Figure{Case: "object/pod", Subject: trimming, Metric: keptBytes, Value: 3_000}, figure.Figure{Case: "object/pod", Subject: trimming, Metric: decoding, Value: 40},
	)
	var out strings.Builder
	if err := choice.WriteTables(&out, figures); err != nil {
		t.Fatal(err)
	}
	want := `CPU time per pod, in µs, by number of nodes: the median over the rounds. It grows with the
EXPONENT-th power of the nodes, ± its standard error; R² is the share of the differences that this
explains, which is little where nothing grows.
  CASE                          1000  10000  100000  EXPONENT     ±    R²
  plain/fill=0 stowage           100   1000   10000      1.00  0.00  1.00
  zone-affinity/fill=0 stowage    70     70      70      0.00  0.00  1.00

CPU time of the first pod, in ms, for which everything is made from nothing
  CASE                  1000  10000  100000
  plain/fill=0 stowage     5     50     500

Memory of the scheduler, in MiB, without the nodes and pods themselves
  CASE                          1000  10000  100000
  plain/fill=0 stowage             2     20     200
  zone-affinity/fill=0 stowage    10    100    1000

Memory in the largest cluster, in bytes: of the scheduler per node, and per pod on it
  CASE                                       PER NODE  PER POD
  plain/nodes=100000/fill=0 stowage              2097        -
  zone-affinity/nodes=100000/fill=0 stowage         -      839

A typical object: bytes as etcd stores it, bytes as an informer keeps it and µs of CPU to
get there; TRIMMED is the same in stowage-scheduler
  OBJECT  STORED  INFORMER  DECODING  TRIMMED  DECODING
  node      9000     17000        20        -         -
  pod       3000     12000         -     3000        40
  lease        -         -         -        -         -
  event        -         -         -        -         -

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

// TestObjects covers that what is kept is what was encoded, without what is dropped.
func TestObjects(t *testing.T) {
	whole := func(obj any) (any, error) { return obj, nil }
	for _, k := range kinds {
		weigh := func(transform cache.TransformFunc) weight {
			t.Helper()
			w, err := k.weigh(transform)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		all, kept, trimmed := weigh(whole), weigh(unmanaged), weigh(cluster.SchedulerTransform())
		t.Logf("a %s: whole %+v, in kube-scheduler %+v, in stowage-scheduler %+v", k.name, all, kept, trimmed)
		if all.stored < 100 || all.kept < all.stored || all.decoding <= 0 {
			t.Errorf("a %s is %+v, want more than 100 bytes, and more in memory", k.name, all)
		}
		if less := all.kept-kept.kept > 100; less != (k.name == "pod") {
			t.Errorf("a %s is %+v, and in kube-scheduler %+v", k.name, all, kept)
		}
		if k.scheduler && trimmed.kept*2 > kept.kept {
			t.Errorf("a %s is %+v in kube-scheduler, and in stowage-scheduler %+v", k.name, kept, trimmed)
		}
	}
}
