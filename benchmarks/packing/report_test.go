package packing

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// exampleFigures are of two seeds on a workload with GPU, and of one on one without.
func exampleFigures() []figure.Figure {
	gpu := Workload{Name: "gpu", Demand: GPUMilli, Nodes: []*corev1.Node{mixedNode(0), mixedNode(3)}}
	plain := Workload{Name: "plain", Demand: corev1.ResourceCPU, Nodes: []*corev1.Node{plainNode(0)}}
	one, two := Subject{Name: "one"}, Subject{Name: "two"}
	first := result{
		allocated: map[corev1.ResourceName]float64{"cpu": 0.5, "memory": 0.25, GPUMilli: 0.9},
		pods:      100, unplaced: 10, refused: 0.02, stranded: 0.01, nodesUsed: 4, lowerBound: 3, compacted: 0.6,
	}
	second := first
	second.pods, second.unplaced, second.refused, second.nodesUsed, second.compacted = 120, 20, 0.04, 5, 0.7
	alone := result{allocated: map[corev1.ResourceName]float64{"cpu": 0.5, "memory": 0.25}, pods: 50, nodesUsed: 1, lowerBound: 1}
	figures := figuresOf(gpu, one, []result{first, second})
	figures = append(figures, figuresOf(gpu, two, []result{first, first})...)
	return append(figures, figuresOf(plain, one, []result{alone})...)
}

func TestWriteTables(t *testing.T) {
	var out strings.Builder
	if err := WriteTables(&out, exampleFigures()); err != nil {
		t.Fatal(err)
	}
	tables, legend, _ := strings.Cut(out.String(), "ALLOCATED %  requested")
	want := `gpu/2
  SCORED BY  ALLOCATED %  CPU %  MEMORY %    UNPLACED           PODS         REFUSED %  STRANDED %    NODES  AT LEAST                 ×          COMPACTED %
  one              90.00  50.00     25.00  15 (10–20)  110 (100–120)  3.00 (2.00–4.00)        1.00  5 (4–5)         3  1.50 (1.33–1.67)  65.00 (60.00–70.00)
  two              90.00  50.00     25.00          10            100              2.00        1.00        4         3              1.33                60.00

plain/1
  SCORED BY  ALLOCATED %  CPU %  MEMORY %  UNPLACED  PODS  REFUSED %  STRANDED %  NODES  AT LEAST     ×  COMPACTED %
  one              50.00      -     25.00         0    50       0.00        0.00      1         1  1.00            -
  two                  -      -         -         -     -          -           -      -         -     -            -

`
	if diff := cmp.Diff(want, tables); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	for _, c := range columns[1:] {
		if !strings.Contains(legend, c.heading+" ") {
			t.Errorf("the legend does not explain %s:\n%s", c.heading, legend)
		}
	}
	if !strings.Contains(legend, "medians over 2 orders of arrival") {
		t.Errorf("the legend does not say how many seeds there are:\n%s", legend)
	}
}

func TestSeries(t *testing.T) {
	w := Workload{Name: "plain", Demand: corev1.ResourceCPU, Nodes: []*corev1.Node{plainNode(0)}}
	results := []result{{curve: []point{{0.05, 0.1}, {0.1, 0.2}}}, {curve: []point{{0.04, 0.2}, {0.08, 0.4}, {0.1, 0.5}}}}
	var got [][][2]float64
	for _, s := range seriesOf(w, Subject{}, results) {
		got = append(got, s.Points)
	}
	want := [][][2]float64{{{0, 0}, {5, 4.5}, {10, 9}}, {{0, 0}, {5, 15}, {10, 30}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestDescribed(t *testing.T) {
	described := Described()
	if len(described) != len(Subjects()) {
		t.Errorf("%d subjects of %d are described", len(described), len(Subjects()))
	}
	for _, s := range described {
		if s.Version == "" || s.Settings == "" {
			t.Errorf("no version or settings: %v", s)
		}
	}
}
