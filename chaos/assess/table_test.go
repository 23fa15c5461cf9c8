package assess

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableShowsWhatFallsAndWhyAndNoMore(t *testing.T) {
	p := &Prediction{How: Down, Nodes: []string{"a"}, Waves: 1,
		Pods: []PodFate{
			{Namespace: "shop", Pod: "web-0", Workload: "Deployment shop/web", From: "a", Fate: Fits, Node: "b", Choices: 3, Wave: 1, AfterSeconds: 300},
			{Namespace: "shop", Pod: "web-1", Workload: "Deployment shop/web", From: "a", Fate: Pending, Wave: 1, Reason: "0/3 nodes are available for its replacement: 2 Insufficient cpu"},
			{Namespace: "shop", Pod: "web-2", Workload: "Deployment shop/web", From: "a", Fate: Pending, Wave: 1, Reason: "0/3 nodes are available for its replacement: 1 Insufficient cpu"},
			{Namespace: "shop", Pod: "sum", Workload: "Job shop/sum", From: "a", Fate: Unreplaced, Wave: 1, Reason: "its Job would fail"},
		},
		Workloads: []WorkloadFate{
			{Workload: "Deployment shop/idle", Desired: 1, Ready: 1, Floor: 1, After: 1},
			{Workload: "Deployment shop/web", Desired: 6, Ready: 6, Floor: 3, After: 4},
			{Workload: "Rollout shop/api", Desired: -1, Ready: 4, Floor: 1, After: 4},
		},
		Budgets: []BudgetFate{
			{Namespace: "shop", Budget: "api", Allowed: 2, Spent: 1},
			{Namespace: "shop", Budget: "odd", Allowed: 0},
			{Namespace: "shop", Budget: "tight", Allowed: 1, Spent: 1},
			{Namespace: "shop", Budget: "web", Allowed: 1, Spent: 3, Broken: true},
		},
	}
	want := `down of node a: 4 of 4 pods removed, 1 rescheduled, 2 pending, 1 not replaced

workload             desired  ready  floor  after
Rollout shop/api           ?      4      1      4
Deployment shop/web        6      6      3      4

budget      allowed  spent
shop/odd          0      0  allows nothing
shop/web          1      3          broken
shop/tight        1      1        runs out

why replacements are pending                              pods
0/3 nodes are available for its replacement: 2 Insufficient cpu     2

why pods are not replaced  pods
its Job would fail            1
`
	for wide, want := range map[bool]string{false: want, true: want + `
pod           fate  wave  after  from             to
shop/web-0    fits     1   5m0s     a  b or 2 others
shop/web-1  pending    1     a
shop/web-2  pending    1     a
shop/sum  unreplaced   1     a
`} {
		var got strings.Builder
		if err := WriteTable(&got, p, wide); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fields(want), fields(got.String())); diff != "" {
			t.Errorf("wide %v (-want +got):\n%s\n%s", wide, diff, got.String())
		}
	}
}

// fields returns the words of each line.
func fields(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestTableCutsThousandsShortUnlessItIsWide(t *testing.T) {
	p := &Prediction{How: Delete}
	for i := range 1000 {
		workload := fmt.Sprint("Deployment shop/web-", i)
		p.Pods = append(p.Pods, PodFate{Pod: fmt.Sprint("web-", i), Workload: workload, Fate: Unreplaced, Reason: "it has completed"})
		p.Workloads = append(p.Workloads, WorkloadFate{Workload: workload, Desired: 1, Ready: 1})
	}
	for wide, want := range map[bool]int{false: 22, true: 2008} {
		var got strings.Builder
		if err := WriteTable(&got, p, wide); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(got.String(), "\n"); lines > want {
			t.Errorf("wide %v: %d lines, want %d at most", wide, lines, want)
		}
		if cut := strings.Contains(got.String(), "and 985 more"); cut == wide {
			t.Errorf("wide %v: says that rows are left out: %v", wide, cut)
		}
	}
	var got strings.Builder
	if err := WriteTable(&got, &Prediction{How: Evict}, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("evict: no pods affected\n", got.String()); diff != "" {
		t.Errorf("nothing (-want +got):\n%s", diff)
	}
}
