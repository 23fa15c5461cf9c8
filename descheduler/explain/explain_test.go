package explain

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func pod(name, workload string) plan.Pod {
	return plan.Pod{Namespace: "default", Name: name, UID: types.UID("uid-" + name), Workload: workload}
}

func picture(used int, cpu [11]int, mean, deviation float64) plan.Picture {
	return plan.Picture{Nodes: 20, Used: used, Resources: []plan.Utilization{
		{Name: corev1.ResourceCPU, Histogram: cpu, Mean: mean, StdDev: deviation, Min: 4, Max: 96.25},
		{Name: corev1.ResourcePods, Histogram: [11]int{20}, Mean: 3, StdDev: 1.5, Min: 1, Max: 6},
	}}
}

// example is a plan with what a plan can have.
func example() *plan.Plan {
	p := &plan.Plan{
		Moves: []plan.Move{
			{
				Pod: pod("web-7d9f-abcde", "Deployment default/web"), Profile: "prod", Strategy: "LowNodeUtilization",
				Reason: "node hot-1 is at 93 % of cpu, above the target of 50 %", From: "hot-1", To: "cold-1", Choices: 2,
				Scheduler: "default-scheduler", Scores: []plan.Score{{Node: "cold-1", Total: 187}, {Node: "hot-1", Total: 61, Plugins: map[string]int64{"NodeResourcesFit": 61}}},
				Gain: 12, Improves: "CPU overshoot down 12 percentage points", Budget: "web",
			},
			{
				Pod: pod("db-0", "StatefulSet default/db"), Profile: "prod", Strategy: "RestorePreemptible", Reason: "2 of 3 replicas are above the limit",
				From: "spot-1", To: "cold-3", Choices: 4, Scheduler: "stowage",
				Scores: []plan.Score{{Node: "cold-3", Total: 20}}, Gain: 0.3333333, Improves: "1 fewer replica above the limit", Together: 1,
			},
			{Pod: pod("job-x", ""), Profile: "prod", Strategy: "RemoveFailedPods", Reason: "it failed", From: "hot-1", Gain: 1, Improves: "is removed"},
		},
		Waves: [][]int{{0, 2}, {1}},
		Refused: []plan.Refusal{
			{Pod: pod("db-0", "StatefulSet default/db"), Node: "spot-1", Profile: "prod", Strategy: "LowNodeUtilization", Rule: strategy.AlreadyMoved, Reason: "the plan moves it already"},
			{Pod: pod("gpu-1", "Deployment default/gpu"), Node: "hot-1", Profile: "prod", Strategy: "LowNodeUtilization", Rule: strategy.NoDestination, Reason: "0 of 20 nodes are available: 19 Insufficient nvidia.com/gpu, 1 no better"},
			{Pod: pod("gpu-2", "Deployment default/gpu"), Node: "hot-2", Profile: "prod", Strategy: "LowNodeUtilization", Rule: strategy.NoDestination, Reason: "0 of 20 nodes are available: 18 Insufficient nvidia.com/gpu, 1 no better"},
		},
		Before: picture(20, [11]int{8, 2, 0, 0, 0, 0, 0, 0, 0, 6, 4}, 47.5, 41.25),
		After:  picture(19, [11]int{1, 2, 0, 4, 10, 2, 0, 0, 0, 1}, 47.5, 14.5),
		Notes:  []string{"the limit of 3 evictions is reached"},
		Idle:   []plan.Idle{{Profile: "prod", Strategy: "HighNodeUtilization", Reason: "no node is underutilized"}},
		Took:   1500 * time.Millisecond,
	}
	for i := range 6 {
		name := fmt.Sprintf("pad-%d", i)
		p.Refused = append(p.Refused, plan.Refusal{
			Pod: pod(name, "Deployment default/pad"), Node: fmt.Sprintf("hot-%d", i%3), Profile: "prod", Strategy: "RemoveDuplicates", Rule: strategy.OverBudget,
			Reason: "budget default/pad allows 0 more disruptions, so " + name + " stays.",
		})
	}
	return p
}

func meta(dryRun bool) Run {
	return Run{
		Time: time.Date(2026, 7, 30, 12, 0, 0, 0, time.UTC), Cluster: "kind-prod", Policy: "policy.yaml", DryRun: dryRun,
		Version: "stowage-descheduler v1", Kubernetes: "v1.36.3", Simulated: "simulated with the 1.37 engine; the cluster runs 1.36",
	}
}

func documents() map[string]Document {
	carried := example()
	after := picture(19, [11]int{2, 2, 0, 4, 8, 2, 0, 0, 1, 1}, 47.5, 17)
	anew := plan.Move{Pod: pod("new-1", "Deployment default/new"), Profile: "prod", Strategy: "LowNodeUtilization", Reason: "node hot-2 is at 80 % of cpu", From: "hot-2", To: "cold-1", Improves: "9 points", Gain: 9}
	return map[string]Document{
		"plan": {Run: meta(true), Plan: example()},
		"carried": {Run: meta(false), Plan: carried, Result: &plan.Result{
			Evictions: []plan.Eviction{
				{Move: carried.Moves[0], Wave: 1, Outcome: disruption.RefusedByBudget, Error: "evicting pod default/web-7d9f-abcde: web needs 2 healthy pods"},
				{Move: carried.Moves[0], Wave: 1, Outcome: disruption.Evicted, LandedOn: "cold-1", ReadyAfter: 4212 * time.Millisecond},
				{Move: carried.Moves[1], Wave: 2, Outcome: disruption.Evicted, LandedOn: "spot-1", ReadyAfter: time.Second, Useless: true, Returned: true},
				{Move: anew, Wave: 3, Outcome: disruption.Evicted},
			},
			Dropped: []plan.Refusal{{Pod: pod("job-x", ""), Profile: "prod", Strategy: "RemoveFailedPods", Rule: strategy.Outdated, Reason: "it is gone"}},
			Waves:   3, Replans: 1, Stopped: "1 pod was not ready 2m0s after its eviction", Cause: plan.PodsPending, Safety: true,
			Counts: disruption.Counts{Evicted: 3, RefusedByBudget: 1}, After: after,
			WavesTook: []time.Duration{5 * time.Second, time.Second, 2 * time.Minute}, Took: 3 * time.Minute,
		}},
		"nothing": {Plan: &plan.Plan{Refused: example().Refused[1:], Before: example().Before, After: example().Before}},
		"empty":   {Plan: &plan.Plan{}},
		"hostile": {Run: Run{Cluster: "<script>alert(1)</script>"}, Plan: &plan.Plan{
			Moves: []plan.Move{{Pod: pod("a", `Deployment default/"><img src=x>`), Reason: "\x1b[2J\tcleared\nthe screen", From: "n", To: "m"}},
			Waves: [][]int{{0}},
		}},
	}
}

func TestGolden(t *testing.T) {
	for name, doc := range documents() {
		for _, format := range Formats {
			t.Run(name+" as "+string(format), func(t *testing.T) {
				var b strings.Builder
				if err := Write(&b, format, doc); err != nil {
					t.Fatal(err)
				}
				got := b.String()
				if format == HTML {
					got = pagetest.Own(got)
				}
				golden := filepath.Join("testdata", name+"."+string(format))
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", golden, diff)
				}
			})
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestBadInput(t *testing.T) {
	for _, format := range Formats {
		if err := Write(full{}, format, Document{Plan: example()}); err == nil || !strings.Contains(err.Error(), "as "+string(format)+": no space left") {
			t.Errorf("%s to a full disk: %v", format, err)
		}
	}
	if err := Write(&strings.Builder{}, Table, Document{}); err == nil || err.Error() != "there is no plan to show" {
		t.Errorf("no plan: %v", err)
	}
	const want = `unknown format "xml": must be one of table, wide, json, yaml, html`
	if err := Write(&strings.Builder{}, "xml", Document{Plan: example()}); err == nil || err.Error() != want {
		t.Errorf("an unknown format: %v, want %s", err, want)
	}
	f := Table
	if err := f.Set("xml"); err == nil || err.Error() != want || f != Table {
		t.Errorf("a flag of an unknown format: %v and %s, want %s", err, f, want)
	}
	if err := f.Set("wide"); err != nil || f != Wide {
		t.Errorf("a flag: %v and %s", err, f)
	}
}
