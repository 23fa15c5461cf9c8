package scale

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// TestRun measures on a small cluster; but for the zone, the loss of which takes half a minute
// and is chaos' own.
func TestRun(t *testing.T) {
	steps := slices.DeleteFunc(Steps(), func(s Step) bool { return s.Name == "zone" })
	size := Size{Nodes: 30, Pods: 900, Idle: time.Millisecond, Rounds: 1, Realistic: true}
	kept := 0
	figures, err := Run(t.Context(), steps, size, Options{
		LogDir: t.TempDir(), Progress: func(string) {}, Note: func(line string) { t.Log(line) },
		Finished: func([]figure.Figure) error { kept++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := len(steps) + 2; kept != want {
		t.Errorf("figures were kept %d times, want %d", kept, want)
	}
	for _, want := range []figure.Figure{
		{Case: "load/30", Subject: product, Metric: "pods", Value: 900},
		{Case: "schedule/30", Subject: product, Metric: "pods_created", Value: 60},
		{Case: "schedule/30", Subject: product, Metric: "pods_churned", Value: 9},
		{Case: "schedule/30", Subject: product, Metric: "pods_bound", Value: 69},
		{Case: "memory/30", Subject: product, Metric: "pods_created", Value: 60},
		{Case: "evict/30", Subject: product, Metric: "exit_code", Value: 0},
		{Case: "plan/30", Subject: product, Metric: "nodes_emptied", Value: 2},
	} {
		if got, found := figure.Find(figures, want.Case, want.Subject, want.Metric); !found || got.Value != want.Value {
			t.Errorf("%s, want %g", got, want.Value)
		}
	}
	for process, name := range map[string]string{
		subjects.Default: "memory/30", schedulerProgram: "schedule/30", deschedulerProgram: "plan/30", chaosProgram: "evict/30",
		"etcd": "load/30", "kube-apiserver": "load/30", "kube-controller-manager": "load/30", "kwok": "load/30",
	} {
		for _, metric := range []string{cpuMetric, peakMetric} {
			if f, found := figure.Find(figures, name, process, metric); !found || f.Value <= 0 {
				t.Errorf("%s of %s in %s is %g, want more than 0", metric, process, name, f.Value)
			}
		}
	}
}

// TestRunEndsWithItsContext has a run interrupted that has not begun.
func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	figures, err := Run(ctx, Steps(), Size{Nodes: 30, Pods: 300}, Options{Progress: func(string) {}, Note: func(string) {}})
	if err == nil || len(figures) > 0 {
		t.Errorf("%d figures and error %v, want that it was interrupted", len(figures), err)
	}
}
