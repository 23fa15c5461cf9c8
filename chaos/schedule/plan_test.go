package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// anyWorkload draws a workload.
func anyWorkload(t *rapid.T, key string) Workload {
	w := Workload{Key: key, Identifier: key, Mode: Fixed, Value: rapid.IntRange(1, 3).Draw(t, "value")}
	if rapid.Bool().Draw(t, "below a day") {
		w.Mean = time.Duration(rapid.IntRange(10, 23*60).Draw(t, "minutes")) * time.Minute
		return w
	}
	w.MinWorkdays = rapid.IntRange(0, 4).Draw(t, "minimum")
	w.Mean = time.Duration(max(1, w.MinWorkdays)+rapid.IntRange(0, 3).Draw(t, "beyond")) * day
	return w
}

func TestAPlanOfAWorkloadDependsOnNothingElse(t *testing.T) {
	rules := berlin(t)
	rapid.Check(t, func(t *rapid.T) {
		seed := draw.Seed(rapid.Uint64().Draw(t, "seed"))
		date := Date("2026-06-01").add(rapid.IntRange(0, 365).Draw(t, "day"))
		last := map[string]Date{}
		var workloads []Workload
		for i := range rapid.IntRange(1, 6).Draw(t, "workloads") {
			key := fmt.Sprintf("Deployment default/web-%d", i)
			workloads = append(workloads, anyWorkload(t, key))
			if rapid.Bool().Draw(t, "killed before") {
				last[key] = date.add(-rapid.IntRange(1, 9).Draw(t, "days ago"))
			}
		}
		all := rules.Day(seed, date, workloads, last)
		if !slices.IsSortedFunc(all.Kills, func(a, b Kill) int { return a.At.Compare(b.At) }) {
			t.Fatalf("the kills are out of order: %v", all.Kills)
		}
		slices.Reverse(workloads)
		if diff := cmp.Diff(all, rules.Day(seed, date, workloads, last)); diff != "" {
			t.Fatalf("the same workloads in another order (-want +got):\n%s", diff)
		}
		for _, w := range workloads {
			var want []Kill
			for _, kill := range all.Kills {
				if kill.Workload == w.Key {
					want = append(want, kill)
				}
			}
			alone := rules.Day(seed, date, []Workload{w}, map[string]Date{w.Key: last[w.Key]})
			if last[w.Key] == "" {
				alone = rules.Day(seed, date, []Workload{w}, nil)
			}
			if diff := cmp.Diff(want, alone.Kills); diff != "" {
				t.Fatalf("%s by itself (-want +got):\n%s", w.Key, diff)
			}
			for i, kill := range alone.Kills {
				if kill.Number != i+1 {
					t.Fatalf("kill %d has number %d", i+1, kill.Number)
				}
				if kill.At.Hour() < 10 || kill.At.Hour() >= 16 || dateOf(kill.At) != date {
					t.Fatalf("a kill at %s on %s is out of the window", kill.At, date)
				}
			}
		}
	})
}

func TestSeedsAndDatesGiveOtherPlans(t *testing.T) {
	rules := berlin(t)
	w := []Workload{{Key: "Deployment default/web", Mean: day, Mode: Fixed, Value: 1}}
	seen := map[string]string{}
	for _, seed := range []draw.Seed{1, 2} {
		for _, date := range []Date{"2026-06-01", "2026-06-02", "2026-06-03"} {
			plan := rules.Day(seed, date, w, nil)
			at, name := plan.Kills[0].At.Format(time.TimeOnly), fmt.Sprint(seed, " ", date)
			if former, is := seen[at]; is {
				t.Errorf("seeds and dates %s and %s both give %s", former, name, at)
			}
			seen[at] = name
		}
	}
}

func TestDaysWithoutAPlanSayWhy(t *testing.T) {
	w := []Workload{{Key: "Deployment default/web", Mean: time.Minute, Mode: Fixed, Value: 1}}
	christmas := func(t time.Time) (bool, string) { return t.Format("Jan 2") == "Dec 25", "Dec25 is excluded" }
	for _, tt := range []struct {
		name string
		date Date
		want string
	}{
		{"a weekend", "2026-06-06", "Sat is not a run day"},
		{"a day that is excluded", "2026-12-25", "Dec25 is excluded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := Plan{Date: tt.date, Seed: 1, Why: tt.want}
			if diff := cmp.Diff(want, newRules(t, DefaultConfig(), christmas).Day(1, tt.date, w, nil)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRows(t *testing.T) {
	at := time.Date(2026, 6, 1, 10, 30, 7, 0, zone(t, "Europe/Berlin"))
	state := State{
		Plan: Plan{Kills: []Kill{
			{At: at, Workload: "Deployment default/a", Number: 1, Mode: Fixed, Value: 1},
			{At: at, Workload: "Deployment default/b", Number: 1, Mode: Fixed, Value: 2},
			{At: at, Workload: "Deployment default/c", Number: 1, Mode: KillAll},
			{At: at, Workload: "Deployment default/d", Number: 1, Mode: RandomMaxPercent, Value: 40},
			{At: at, Workload: "Deployment default/d", Number: 2, Mode: FixedPercent, Value: 25},
		}},
		Done: []Done{{Workload: "Deployment default/d", Number: 1, Outcome: Kept}},
	}
	var got []string
	for _, row := range state.Rows(at.Location()) {
		got = append(got, strings.Join(row, ", "))
	}
	want := []string{
		"AT, WORKLOAD, TAKES, STATUS",
		"2026-06-01 10:30:07 CEST, Deployment default/a, 1 pod, planned",
		"2026-06-01 10:30:07 CEST, Deployment default/b, 2 pods, planned",
		"2026-06-01 10:30:07 CEST, Deployment default/c, all pods, planned",
		"2026-06-01 10:30:07 CEST, Deployment default/d, up to 40 % of the pods, kept",
		"2026-06-01 10:30:07 CEST, Deployment default/d, 25 % of the pods, planned",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
