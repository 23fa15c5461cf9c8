package schedule

import (
	"fmt"
	"time"
)

// State is what has to survive a restart.
type State struct {
	// Plan is that of the last day for which one was drawn.
	Plan Plan `json:"plan"`
	// Done are the kills of the plan that are over, or have begun.
	Done []Done `json:"done,omitempty"`
	// LastKill is the day of the last kill of each workload for which it matters still.
	LastKill map[string]Date `json:"lastKill,omitempty"`
}

// Outcome is what became of a kill.
type Outcome string

const (
	// Begun: the kill has been started.
	Begun Outcome = "begun"
	// Killed: at least one pod was removed.
	Killed Outcome = "killed"
	// Kept: no pod was removed, because of budgets, or because the mode selected none.
	Kept Outcome = "kept"
	// Failed: an error occurred.
	Failed Outcome = "failed"
	// Withdrawn: the workload is gone, or has opted out since the plan was drawn.
	Withdrawn Outcome = "withdrawn"
	// Missed: the schedule was not running in time.
	Missed Outcome = "missed"
	// Interrupted: the program ended during the kill, which may or may not have happened. It is
	// not repeated, and counts as a kill.
	Interrupted Outcome = "interrupted"
)

// Done is a kill that was started or is done.
type Done struct {
	Workload string    `json:"workload"`
	Number   int       `json:"number"`
	Time     time.Time `json:"time"`
	Outcome  Outcome   `json:"outcome"`
	// Message has details in one line.
	Message string `json:"message,omitempty"`
}

// killID tells the kills of a plan apart.
type killID struct {
	workload string
	number   int
}

func (k Kill) id() killID { return killID{k.Workload, k.Number} }

func (d Done) id() killID { return killID{d.Workload, d.Number} }

// done returns the kills that are over or have begun.
func (s *State) done() map[killID]*Done {
	all := make(map[killID]*Done, len(s.Done))
	for i := range s.Done {
		all[s.Done[i].id()] = &s.Done[i]
	}
	return all
}

// check says whether a state that was read can be one that was written.
func (s *State) check() error {
	if s.Plan.Date != "" {
		if _, err := ParseDate(string(s.Plan.Date)); err != nil {
			return fmt.Errorf("plan.date: %w", err)
		}
	}
	planned := map[killID]bool{}
	for i, kill := range s.Plan.Kills {
		least, most, known := kill.Mode.values()
		switch {
		case kill.Workload == "" || kill.Number < 1 || kill.At.IsZero() || planned[kill.id()]:
			return fmt.Errorf("plan.kills[%d] must have a unique workload, number and time", i)
		case !known:
			return fmt.Errorf("plan.kills[%d].mode: %q must be one of %v", i, kill.Mode, modes)
		case kill.Value < least || kill.Value > most:
			return fmt.Errorf("plan.kills[%d].value: %d must be from %d to %d for %s", i, kill.Value, least, most, kill.Mode)
		}
		planned[kill.id()] = true
	}
	for i, done := range s.Done {
		if !planned[done.id()] {
			return fmt.Errorf("done[%d]: kill %d of %q is not in the plan", i, done.Number, done.Workload)
		}
	}
	for workload, date := range s.LastKill {
		if _, err := ParseDate(string(date)); err != nil {
			return fmt.Errorf("lastKill[%q]: %w", workload, err)
		}
	}
	return nil
}
