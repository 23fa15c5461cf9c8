package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorded is a run that comes to a step for each list, and draws in those ticks.
func recorded(verdict Verdict, turns ...[]int) *Run {
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	contents := &Contents{Records: []Record{{Time: at, Start: &Start{}}}}
	for _, ticks := range turns {
		at = at.Add(time.Second)
		contents.Records = append(contents.Records, Record{Time: at, Step: 1, StepBegin: &StepBegin{Name: "evict"}})
		for _, tick := range ticks { // the first in the same instant
			contents.Records = append(contents.Records, Record{Time: at, Step: 1, Tick: tick, Choice: &Choice{}})
			at = at.Add(time.Second)
		}
	}
	if verdict != "" {
		contents.Records = append(contents.Records, Record{Time: at, End: &End{Verdict: verdict}})
	}
	return NewRun(contents)
}

func TestTicksThatWereExcludedAreToldFromThoseThatNeverCame(t *testing.T) {
	for _, tt := range []struct {
		name string
		run  *Run
		want [][]bool
		last []int
	}{
		{"a tick without a draw, before one with, was excluded", recorded("", []int{1, 3}), [][]bool{{false, true, false, false}}, []int{3}},
		{"of a run that was told to end nobody knows what would have come", recorded(Inconclusive, []int{1, 2}), [][]bool{{false, false, false, false}}, []int{2}},
		{"of one that came to its end, what did not come was excluded", recorded(Held, []int{1, 2}), [][]bool{{false, false, true, true}}, []int{2}},
		{"and of a turn that another came after", recorded("", nil, []int{2}), [][]bool{{true, true, true, true}, {true, false, false, false}}, []int{0, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var rested [][]bool
			var last []int
			for _, turn := range tt.run.Turns() {
				var ticks []bool
				for tick := 1; tick <= 4; tick++ {
					ticks = append(ticks, turn.Rested(tick))
				}
				rested, last = append(rested, ticks), append(last, turn.Last())
			}
			if diff := cmp.Diff(tt.want, rested); diff != "" {
				t.Errorf("rested (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.last, last); diff != "" {
				t.Errorf("last (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLacking(t *testing.T) {
	before := recorded(Held, []int{1, 3}, []int{2}).Turns()
	for name, tt := range map[string]struct {
		again *Run
		want  int
	}{
		"all of them came":            {recorded(Held, []int{1, 3}, []int{2}), 0},
		"more than those came":        {recorded(Held, []int{1, 2, 3}, []int{1, 2}), 0},
		"one was excluded":            {recorded(Held, []int{1}, []int{2}), 1},
		"the run ended before a turn": {recorded(Broken, []int{1, 3}), 1},
		"nothing came":                {recorded(Inconclusive), 3},
	} {
		if got := Lacking(before, tt.again.Turns()); got != tt.want {
			t.Errorf("%s: %d are lacking, want %d", name, got, tt.want)
		}
	}
}
