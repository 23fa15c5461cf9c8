package chaos

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
)

func TestTimelines(t *testing.T) {
	r := &report.Report{
		Run: report.Run{Seconds: 200},
		Workloads: []report.Workload{
			{Availability: []report.Moment{{Seconds: 0, Ready: 4, Desired: 4}, {Seconds: 50, Ready: 1, Desired: 4}, {Seconds: 50.5, Ready: 4, Desired: 4}}},
			{Availability: []report.Moment{{Seconds: 0, Ready: 6, Desired: 6}, {Seconds: 100.5, Ready: 3, Desired: 6}}},
			{}, // nothing is known of it
		},
		Budgets: []report.Budget{{Moments: []report.BudgetMoment{{Seconds: 0, Allowed: 2}, {Seconds: 100, Allowed: 0}}}},
	}
	series := courses("zone-loss", r)
	if len(series) != 3 {
		t.Fatalf("got %d series, want 3", len(series))
	}
	for _, tt := range []struct {
		series int
		at     int
		want   float64
	}{
		{0, 0, 100}, {0, 49, 100}, {0, 50, 70}, {0, 51, 70}, {0, 52, 100}, {0, 200, 70},
		{1, 50, 25}, {1, 52, 100}, {1, 101, 50}, {1, 200, 50},
		{2, 99, 2}, {2, 100, 0}, {2, 200, 0},
	} {
		point := series[tt.series].Points[tt.at]
		if point != [2]float64{float64(tt.at), tt.want} {
			t.Errorf("%s at %d s: got %v, want %v", series[tt.series].Name, tt.at, point, tt.want)
		}
	}
	if got := courses("nothing", &report.Report{Run: report.Run{Seconds: 5}}); len(got) != 0 {
		t.Errorf("of a run in which nothing changed: %v", got)
	}
}

func TestTimelineMarks(t *testing.T) {
	began := time.Unix(100, 0)
	at := func(seconds float64) time.Time { return began.Add(time.Duration(seconds * float64(time.Second))) }
	run := &journal.Run{
		Began:     began,
		Lost:      []journal.Entry[journal.Lost]{{Time: at(2)}, {Time: at(2.01)}, {Time: at(2.2)}},
		Recovered: []journal.Entry[journal.Recovered]{{Time: at(4)}},
		Choices:   []journal.Entry[journal.Choice]{{Time: at(1)}},
		Restored:  []journal.Entry[journal.Change]{{Time: at(5)}, {Time: at(6)}},
	}
	got := map[string][][2]float64{}
	for _, s := range marks("chart", run) {
		got[s.Name+" "+string(s.Kind)] = s.Points
	}
	want := map[string][][2]float64{
		"pods lost events": {{2, 0}, {2.2, 0}}, "replacements ready events": {{4, 0}}, "nodes are away windows": {{1, 5}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is above the timeline (-want +got):\n%s", diff)
	}
}
