package packing

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// results of two seeds, on a workload with GPU and one without.
var exampleResults = []Result{
	{Workload: "GPU", Subject: "one", Seed: 1, Nodes: 5, Allocated: map[corev1.ResourceName]float64{"cpu": 0.5, "memory": 0.25, GPUMilli: 0.9}, Pods: 100, Unplaced: 10, Refused: 0.02, NodesUsed: 4, LowerBound: 3},
	{Workload: "GPU", Subject: "another", Seed: 1, Nodes: 5, Allocated: map[corev1.ResourceName]float64{"cpu": 0.6, "memory": 0.25, GPUMilli: 1}, Pods: 100, Unplaced: 5, NodesUsed: 3, LowerBound: 3},
	{Workload: "GPU", Subject: "one", Seed: 2, Nodes: 5, Allocated: map[corev1.ResourceName]float64{"cpu": 0.7, "memory": 0.75, GPUMilli: 0.8}, Pods: 120, Unplaced: 20, Refused: 0.04, NodesUsed: 5, LowerBound: 3},
	{Workload: "GPU", Subject: "another", Seed: 2, Nodes: 5, Allocated: map[corev1.ResourceName]float64{"cpu": 0.6, "memory": 0.25, GPUMilli: 1}, Pods: 120, Unplaced: 5, NodesUsed: 3, LowerBound: 3},
	{Workload: "plain", Subject: "one", Seed: 1, Nodes: 7, Allocated: map[corev1.ResourceName]float64{"cpu": 0.5, "memory": 0.25}, Pods: 50, NodesUsed: 4, LowerBound: 3},
}

func TestWriteTable(t *testing.T) {
	var out strings.Builder
	for _, results := range [][]Result{exampleResults[:4], exampleResults[4:]} {
		if err := WriteTable(&out, results); err != nil {
			t.Fatal(err)
		}
	}
	want := `GPU: 5 nodes, 110 pods that ask for 1.3 times the GPU
  SCORED BY                   GPU %                CPU %             MEMORY %    UNPLACED         REFUSED %    NODES  AT LEAST
  one           85.00 (80.00–90.00)  60.00 (50.00–70.00)  50.00 (25.00–75.00)  15 (10–20)  3.00 (2.00–4.00)  4 (4–5)   3 (3–3)
  another    100.00 (100.00–100.00)  60.00 (60.00–60.00)  25.00 (25.00–25.00)     5 (5–5)  0.00 (0.00–0.00)  3 (3–3)   3 (3–3)

plain: 7 nodes, 50 pods that ask for 1.3 times the cpu
  SCORED BY  GPU %  CPU %  MEMORY %  UNPLACED  REFUSED %  NODES  AT LEAST
  one            -  50.00     25.00         0       0.00      4         3

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestWriteLegend(t *testing.T) {
	var once, twice strings.Builder
	for seeds, out := range map[int]*strings.Builder{1: &once, 2: &twice} {
		if err := WriteLegend(out, seeds); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range columns {
		if !strings.Contains(once.String(), c.name+" ") {
			t.Errorf("the legend does not explain %s", c.name)
		}
	}
	if got, want := twice.String(), once.String()+"Figures are means over 2 orders of arrival, with the lowest and the highest.\n"; got != want {
		t.Errorf("legend of two seeds (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestWriteJSON(t *testing.T) {
	var out strings.Builder
	if err := WriteJSON(&out, exampleResults); err != nil {
		t.Fatal(err)
	}
	var got []Result
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleResults, got); diff != "" {
		t.Errorf("results (-written +read):\n%s", diff)
	}
	if !strings.Contains(out.String(), `"nodesUsed": 4`) {
		t.Errorf("no field nodesUsed in\n%s", out.String())
	}
}
