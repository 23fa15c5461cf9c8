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
	// Begun: the kill is about to happen, or has.
	Begun Outcome = "begun"
	// Killed: at least one pod went.
	Killed Outcome = "killed"
	// Kept: no pod went, since budgets kept them or the mode came to none.
	Kept Outcome = "kept"
	// Failed: it went wrong.
	Failed Outcome = "failed"
	// Withdrawn: the workload is gone, or has opted out since the plan was drawn.
	Withdrawn Outcome = "withdrawn"
	// Missed: nobody was there in time.
	Missed Outcome = "missed"
	// Interrupted: the program ended between the begin and the end of the kill, so that it may
	// have happened or not. It is not repeated, and counts as a kill.
	Interrupted Outcome = "interrupted"
)

// Done is a kill that is over, or has begun.
type Done struct {
	Workload string    `json:"workload"`
	Number   int       `json:"number"`
	Time     time.Time `json:"time"`
	Outcome  Outcome   `json:"outcome"`
	// Message says more, in a line.
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
			return fmt.Errorf("plan.kills[%d] has no workload, number and time of its own", i)
		case !known:
			return fmt.Errorf("plan.kills[%d].mode: %q is none of %v", i, kill.Mode, modes)
		case kill.Value < least || kill.Value > most:
			return fmt.Errorf("plan.kills[%d].value: %d is not from %d to %d, as %s takes", i, kill.Value, least, most, kill.Mode)
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
