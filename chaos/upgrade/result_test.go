package upgrade

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func TestResultHasTheForecastBesideWhatHappened(t *testing.T) {
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	a, b := journal.Node{Name: "a", UID: "a"}, journal.Node{Name: "b", UID: "b"}
	web := func(healthy int) *journal.Budget {
		return &journal.Budget{Namespace: "shop", Budget: "web", Healthy: healthy, Desired: 2}
	}
	records := journal.NewRun(&journal.Contents{Records: []journal.Record{
		{Time: at(0), Start: &journal.Start{ID: "r1"}},
		{Time: at(0), Budget: web(3)},
		{Time: at(1), Step: 1, Answer: &journal.Answer{Victim: journal.Victim{UID: "1"}, Outcome: disruption.Evicted}},
		{Time: at(1), Step: 1, Answer: &journal.Answer{Victim: journal.Victim{UID: "2"}, Outcome: disruption.Evicted}},
		{Time: at(1), Step: 1, Lost: &journal.Lost{Victim: journal.Victim{UID: "1"}, Drawn: true}},
		{Time: at(1), Step: 1, Lost: &journal.Lost{Victim: journal.Victim{UID: "2"}, Drawn: true}},
		{Time: at(2), Budget: web(1)},
		{Time: at(3), Budget: web(0)},
		{Time: at(4), Budget: web(2)},
		{Time: at(5), Step: 1, Recovered: &journal.Recovered{Victim: journal.Victim{UID: "1"}}},
		{Time: at(6), Step: 1, Restored: &journal.Change{Object: "Node a", What: "uncordoned"}},
		{Time: at(6), Step: 1, Replaced: &journal.Replaced{Node: a, How: "upgraded in place"}},
		{Time: at(7), Step: 2, Answer: &journal.Answer{Victim: journal.Victim{UID: "3"}, Outcome: disruption.RefusedByBudget}},
		{Time: at(8), Step: 2, Restored: &journal.Change{Object: "Node b", What: "uncordoned"}},
	}})
	r := &Run{
		Upgrade:  journal.Upgrade{Title: "Pool old", Nodes: []journal.Node{a, b}},
		Forecast: &Plan{Duration: Duration{60, 120}, Waves: []Wave{{Pods: []Move{{Pod: "1"}, {Pod: "2"}}}, {Pods: []Move{{Pod: "3"}, {Pod: "4", PreemptedBy: "shop/3"}}}}},
		done:     map[string]bool{"a": true}, took: 40 * time.Second,
		waves: []*ResultWave{
			{Nodes: []string{"a"}, Replaced: true, Forecast: Duration{20, 40}, TookSeconds: 30, Planned: 2, step: 1},
			{Nodes: []string{"b"}, Forecast: Duration{40, 80}, TookSeconds: 5, Planned: 1, step: 2},
		},
	}
	var got strings.Builder
	if err := r.Result(records).Write(&got, false); err != nil {
		t.Fatal(err)
	}
	want := `Pool old: 1 of 2 nodes replaced

  wave                 forecast  at worst  took  evictions forecast  evictions
  1  a                      20s       40s   30s                   2          2
  2  b (not replaced)       40s     1m20s    5s                   1          0
  all                      1m0s      2m0s   40s                   3          2

budgets broken: 1 time; pods without a ready replacement: 1
Node b: uncordoned
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("the result (-want +got):\n%s", diff)
	}
}
