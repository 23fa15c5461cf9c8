package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const web = "Deployment default/web"

// at returns a time on Monday, 1 June 2026, or so many days later.
func at(days, hour, minute, second int) time.Time {
	return time.Date(2026, 6, 1+days, hour, minute, second, 0, time.UTC)
}

// planned returns a state with a plan of that Monday, with kills of web at these times.
func planned(times ...time.Time) State {
	s := State{Plan: Plan{Date: "2026-06-01", Seed: 1, End: at(0, 16, 0, 0)}}
	for i, t := range times {
		s.Plan.Kills = append(s.Plan.Kills, Kill{At: t, Workload: web, Number: i + 1, Identifier: "web", Mode: Fixed, Value: 1})
	}
	return s
}

// restarted returns a scheduler that has read the state as it was written.
func restarted(t testing.TB, rules *Rules, s State) *Scheduler {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := parse(data)
	if err != nil {
		t.Fatal(err)
	}
	return NewScheduler(rules, 99, read)
}

func daily(keys ...string) func() ([]Workload, error) {
	return func() ([]Workload, error) {
		var all []Workload
		for _, key := range keys {
			all = append(all, Workload{Key: key, Identifier: key, Mean: day, Mode: Fixed, Value: 1})
		}
		return all, nil
	}
}

// outcomes returns what is over, as "number outcome".
func outcomes(done []Done) (all []string) {
	for _, d := range done {
		all = append(all, fmt.Sprintf("%d %s", d.Number, d.Outcome))
	}
	return all
}

func TestWhatIsDueAfterARestart(t *testing.T) {
	lunch := func(t time.Time) (bool, string) { return t.Hour() == 12, "lunch" }
	tests := []struct {
		name     string
		state    State
		done     []Done
		excluded func(time.Time) (bool, string)
		now      time.Time
		due      []int
		over     []string
		next     time.Time
	}{
		{name: "before all kills", state: planned(at(0, 11, 0, 0), at(0, 12, 0, 0)), now: at(0, 10, 0, 0), next: at(0, 11, 0, 0)},
		{name: "at the second of one", state: planned(at(0, 11, 0, 0), at(0, 12, 0, 0)), now: at(0, 11, 0, 0), due: []int{1}, next: at(0, 12, 0, 0)},
		{name: "not a second before", state: planned(at(0, 11, 0, 0)), now: at(0, 10, 59, 59), next: at(0, 11, 0, 0)},
		{name: "a little late", state: planned(at(0, 11, 0, 0)), now: at(0, 11, 10, 0), due: []int{1}, next: at(1, 8, 0, 0)},
		{name: "too late", state: planned(at(0, 11, 0, 0), at(0, 11, 5, 0)), now: at(0, 11, 10, 1), due: []int{2}, over: []string{"1 missed"}, next: at(1, 8, 0, 0)},
		{name: "a little late, but the window is closed", state: planned(at(0, 15, 58, 0)), now: at(0, 16, 0, 0), over: []string{"1 missed"}, next: at(1, 8, 0, 0)},
		{name: "what is done is not done again", state: planned(at(0, 11, 0, 0), at(0, 11, 1, 0)), done: []Done{{Workload: web, Number: 1, Outcome: Killed}}, now: at(0, 11, 2, 0), due: []int{2}, next: at(1, 8, 0, 0)},
		{name: "nor what failed, was kept, withdrawn or missed", state: planned(at(0, 11, 0, 0), at(0, 11, 1, 0), at(0, 11, 2, 0), at(0, 11, 2, 0)),
			done: []Done{{Workload: web, Number: 1, Outcome: Failed}, {Workload: web, Number: 2, Outcome: Kept}, {Workload: web, Number: 3, Outcome: Withdrawn}, {Workload: web, Number: 4, Outcome: Missed}},
			now:  at(0, 11, 2, 0), next: at(1, 8, 0, 0)},
		{name: "what was interrupted is not repeated", state: planned(at(0, 11, 0, 0)), done: []Done{{Workload: web, Number: 1, Outcome: Begun}}, now: at(0, 11, 0, 1), over: []string{"1 interrupted"}, next: at(1, 8, 0, 0)},
		{name: "a time that is excluded since", state: planned(at(0, 12, 0, 0), at(0, 13, 0, 0)), excluded: lunch, now: at(0, 12, 0, 10), next: at(0, 12, 1, 0)},
		{name: "a time that is excluded since, for too long", state: planned(at(0, 12, 0, 0)), excluded: lunch, now: at(0, 12, 10, 10), over: []string{"1 missed"}, next: at(1, 8, 0, 0)},
		{name: "the next day, before the run hour", state: planned(at(0, 11, 0, 0), at(0, 12, 0, 0)), done: []Done{{Workload: web, Number: 1, Outcome: Killed}}, now: at(1, 7, 59, 59), over: []string{"2 missed"}, next: at(1, 8, 0, 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.state.Done = tt.done
			s := restarted(t, newRules(t, DefaultConfig(), tt.excluded), tt.state)
			step, err := s.Tick(tt.now, func() ([]Workload, error) { return nil, errors.New("no plan is to be drawn") })
			if err != nil {
				t.Fatal(err)
			}
			var due []int
			for _, kill := range step.Due {
				due = append(due, kill.Number)
			}
			if diff := cmp.Diff(tt.due, due); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.over, outcomes(step.Over)); diff != "" {
				t.Errorf("over (-want +got):\n%s", diff)
			}
			if !step.Next.Equal(tt.next) {
				t.Errorf("next is %s, want %s", step.Next, tt.next)
			}
			if again, _ := s.Tick(tt.now, nil); len(again.Over) > 0 {
				t.Errorf("%v is told twice", again.Over)
			}
		})
	}
}

func TestPlansAreDrawnAtTheRunHour(t *testing.T) {
	rules := newRules(t, DefaultConfig(), nil)
	s := NewScheduler(rules, 7, State{})
	tick := func(now time.Time) Step {
		t.Helper()
		step, err := s.Tick(now, daily(web))
		if err != nil {
			t.Fatal(err)
		}
		return step
	}
	if step := tick(at(0, 7, 59, 59)); step.Drawn || !step.Next.Equal(at(0, 8, 0, 0)) {
		t.Errorf("before the run hour: %+v", step)
	}
	if step := tick(at(0, 8, 0, 0)); !step.Drawn || len(step.Over) > 0 {
		t.Errorf("at the run hour: %+v", step)
	}
	workloads, _ := daily(web)()
	if diff := cmp.Diff(rules.Day(7, "2026-06-01", workloads, nil), s.Plan()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if step := tick(at(0, 8, 0, 1)); step.Drawn {
		t.Error("the plan was drawn twice")
	}
	// Nothing happens until the evening of the next day.
	step := tick(at(1, 20, 0, 0))
	if diff := cmp.Diff([]string{"1 missed", "1 missed"}, outcomes(step.Over)); diff != "" {
		t.Errorf("two days late (-want +got):\n%s", diff)
	}
	if !step.Drawn || s.Plan().Date != "2026-06-02" || len(step.Due) > 0 {
		t.Errorf("two days late: %+v, plan of %s", step, s.Plan().Date)
	}
	if len(s.State().LastKill) > 0 {
		t.Errorf("what was missed counts as a kill: %v", s.State().LastKill)
	}
}

func TestAPlanThatCannotBeDrawnLosesNothing(t *testing.T) {
	s := NewScheduler(newRules(t, DefaultConfig(), nil), 7, planned(at(0, 11, 0, 0)))
	broken := errors.New("broken")
	if _, err := s.Tick(at(1, 9, 0, 0), func() ([]Workload, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Fatalf("got error %v", err)
	}
	step, err := s.Tick(at(1, 9, 0, 0), daily(web))
	if err != nil || !step.Drawn {
		t.Fatalf("got %+v, error %v", step, err)
	}
	if diff := cmp.Diff([]string{"1 missed"}, outcomes(step.Over)); diff != "" {
		t.Errorf("over (-want +got):\n%s", diff)
	}
}

func TestLastKillsAreKeptForAsLongAsTheyMatter(t *testing.T) {
	state := State{
		Plan: Plan{Date: "2026-06-05"}, // a Friday
		LastKill: map[string]Date{
			web: "2026-06-03", "Deployment default/gone": "2026-06-04", "Deployment default/old": "2026-06-02",
		},
	}
	s := restarted(t, newRules(t, DefaultConfig(), nil), state)
	_, err := s.Tick(at(7, 9, 0, 0), func() ([]Workload, error) {
		return []Workload{{Key: web, Mean: 4 * day, MinWorkdays: 4, Mode: Fixed, Value: 1}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// On Monday, three workdays after Wednesday: the minimum is not over.
	if diff := cmp.Diff(map[string]Date{web: "2026-06-03", "Deployment default/gone": "2026-06-04"}, s.State().LastKill); diff != "" {
		t.Errorf("last kills (-want +got):\n%s", diff)
	}
	if len(s.Plan().Kills) > 0 {
		t.Errorf("a kill before the minimum is over: %v", s.Plan().Kills)
	}
	if _, err = s.Tick(at(8, 9, 0, 0), func() ([]Workload, error) {
		return []Workload{{Key: web, Mean: 4 * day, MinWorkdays: 4, Mode: Fixed, Value: 1}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(s.Plan().Kills) != 1 {
		t.Errorf("no kill when the mean is the minimum, and over: %v", s.Plan())
	}
}

func TestOutcomesThatCountAsKills(t *testing.T) {
	for outcome, counts := range map[Outcome]bool{Killed: true, Kept: false, Failed: false, Withdrawn: false} {
		s := NewScheduler(newRules(t, DefaultConfig(), nil), 7, planned(at(0, 11, 0, 0)))
		kill := s.Plan().Kills[0]
		s.Begin(kill, at(0, 11, 0, 0))
		if step, _ := s.Tick(at(0, 11, 0, 0), nil); len(step.Due) > 0 {
			t.Errorf("a kill that has begun is due: %v", step.Due)
		}
		done := s.Finish(kill, at(0, 11, 0, 5), outcome, strings.Repeat("x", 500))
		if done.Outcome != outcome || !done.Time.Equal(at(0, 11, 0, 5)) || len(done.Message) != maxMessage {
			t.Errorf("done is %+v", done)
		}
		if _, is := s.State().LastKill[web]; is != counts {
			t.Errorf("%s counts as a kill: %v", outcome, is)
		}
	}
	s := planned(at(0, 11, 0, 0))
	s.Done = []Done{{Workload: web, Number: 1, Outcome: Begun}}
	if got := restarted(t, newRules(t, DefaultConfig(), nil), s).State().LastKill[web]; got != "2026-06-01" {
		t.Errorf("what was interrupted counts as a kill of %q", got)
	}
}

func TestNextPlan(t *testing.T) {
	may := func(t time.Time) (bool, string) { return t.Format("Jan 2") == "Jun 1", "a holiday" }
	never := func(time.Time) (bool, string) { return true, "never" }
	berlin := DefaultConfig()
	berlin.TimeZone, berlin.RunHour, berlin.StartHour, berlin.RunDays = "Europe/Berlin", 2, 2, weekdays
	tests := []struct {
		name     string
		config   Config
		excluded func(time.Time) (bool, string)
		now      time.Time
		want     time.Time
	}{
		{"today", DefaultConfig(), nil, at(0, 7, 0, 0), at(0, 8, 0, 0)},
		{"tomorrow", DefaultConfig(), nil, at(0, 8, 0, 0), at(1, 8, 0, 0)},
		{"after the weekend", DefaultConfig(), nil, at(-3, 8, 0, 0), at(0, 8, 0, 0)},
		{"after the weekend and a holiday", DefaultConfig(), may, at(-3, 8, 0, 0), at(1, 8, 0, 0)},
		{"at an hour that is skipped", berlin, nil, time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)},
		{"never", DefaultConfig(), never, at(0, 7, 0, 0), time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, any := newRules(t, tt.config, tt.excluded).NextPlan(tt.now)
			if !got.Equal(tt.want) || any == tt.want.IsZero() {
				t.Errorf("got %s, %v, want %s", got, any, tt.want)
			}
		})
	}
}
