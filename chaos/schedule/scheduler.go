package schedule

import (
	"maps"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Scheduler decides what happens when. It makes no requests and has no clock. It is not safe for
// concurrent use.
type Scheduler struct {
	rules *Rules
	seed  draw.Seed
	state State
	// untold are kills that are over, and that Tick has still to return.
	untold []Done
}

// NewScheduler returns a scheduler that continues from a state, which may be the zero value. The
// seed is for plans that are drawn later.
func NewScheduler(rules *Rules, seed draw.Seed, state State) *Scheduler {
	state.Done, state.LastKill = slices.Clone(state.Done), maps.Clone(state.LastKill)
	s := &Scheduler{rules: rules, seed: seed, state: state}
	for i := range s.state.Done {
		if done := &s.state.Done[i]; done.Outcome == Begun {
			done.Outcome = Interrupted
			s.killed(done)
			s.untold = append(s.untold, *done)
		}
	}
	return s
}

// State returns the state that must survive a restart. It is valid until the next call of a
// method.
func (s *Scheduler) State() State { return s.state }

// Plan returns the latest plan. Victims are drawn with its seed.
func (s *Scheduler) Plan() Plan { return s.state.Plan }

// Step is the result of a Tick.
type Step struct {
	// Drawn means that a plan was drawn for a new day.
	Drawn bool
	// Due are the kills that are due, in order. They stay due until Begin, or until they are too
	// late.
	Due []Kill
	// Over are kills that were missed or interrupted. Each is reported once.
	Over []Done
	// Next is the latest time for the next Tick.
	Next time.Time
}

// Changed says whether the state must be stored.
func (s Step) Changed() bool { return s.Drawn || len(s.Over) > 0 }

// Tick advances to the time. On a new day, from the run hour on, it draws the plan of the day for
// the workloads that read returns. If that is late, kills in the past are missed. Nothing is due
// after the window, or at an excluded time.
func (s *Scheduler) Tick(now time.Time, read func() ([]Workload, error)) (Step, error) {
	now = now.In(s.rules.zone)
	step := Step{Over: slices.Concat(s.untold, s.miss(now, s.rules.lateness()))}
	s.untold = nil
	if today := dateOf(now); s.state.Plan.Date < today && !now.Before(today.clock(s.rules.config.RunHour, s.rules.zone)) {
		workloads, err := read()
		if err != nil {
			s.untold = step.Over
			return Step{}, err
		}
		s.draw(today, workloads)
		step.Drawn = true
		// What the plan has had from before it was drawn was never to be waited for.
		step.Over = append(step.Over, s.miss(now, 0)...)
	}
	step.Due, step.Next = s.due(now)
	return step, nil
}

// draw replaces the plan by that of a new day.
func (s *Scheduler) draw(today Date, workloads []Workload) {
	longest := 1
	for i := range workloads {
		longest = max(longest, workloads[i].MinWorkdays)
	}
	workdays := s.rules.workdays()
	maps.DeleteFunc(s.state.LastKill, func(_ string, last Date) bool { return workdays.since(last, today, longest) >= longest })
	s.state.Plan = s.rules.Day(s.seed, today, workloads, s.state.LastKill)
	s.state.Done = nil
}

// miss marks the kills that are later than may be, and returns them.
func (s *Scheduler) miss(now time.Time, lateness time.Duration) []Done {
	var missed []Done
	done := s.state.done()
	for _, kill := range s.state.Plan.Kills {
		if done[kill.id()] != nil || !s.late(kill, now, lateness) {
			continue
		}
		missed = append(missed, Done{
			Workload: kill.Workload, Number: kill.Number, Time: now, Outcome: Missed,
			Message: "it was planned for " + kill.At.In(s.rules.zone).Format(time.DateTime),
		})
	}
	s.state.Done = append(s.state.Done, missed...)
	return missed
}

// late says whether it is too late for a kill.
func (s *Scheduler) late(kill Kill, now time.Time, lateness time.Duration) bool {
	return !kill.At.After(now) && (now.Sub(kill.At) > lateness || !now.Before(s.state.Plan.End))
}

// due returns the kills for which it is time, and when the next thing happens.
func (s *Scheduler) due(now time.Time) (due []Kill, next time.Time) {
	next = s.rules.nextRun(now)
	excluded := false
	if s.rules.excluded != nil {
		excluded, _ = s.rules.excluded(now)
	}
	done := s.state.done()
	for _, kill := range s.state.Plan.Kills {
		switch {
		case done[kill.id()] != nil:
		case kill.At.After(now): // and so are all that follow
			return due, earlier(next, kill.At)
		case excluded:
			next = earlier(next, now.Truncate(time.Minute).Add(time.Minute))
		default:
			due = append(due, kill)
		}
	}
	return due, next
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// nextRun returns the first run hour after now.
func (r *Rules) nextRun(now time.Time) time.Time {
	for d := dateOf(now.In(r.zone)); ; d = d.add(1) {
		if t := d.clock(r.config.RunHour, r.zone); t.After(now) {
			return t
		}
	}
}

// NextPlan returns when the next plan with possible kills is drawn: the run hour of the next
// workday. It returns false if there is none within a year.
func (r *Rules) NextPlan(now time.Time) (time.Time, bool) {
	run := now
	for range 366 {
		run = r.nextRun(run)
		if r.workday(dateOf(run.In(r.zone))) {
			return run, true
		}
	}
	return time.Time{}, false
}

// Begin marks a kill as started. The state must be stored before the kill, so that it does not
// happen twice after a crash.
func (s *Scheduler) Begin(kill Kill, now time.Time) {
	s.state.Done = append(s.state.Done, Done{Workload: kill.Workload, Number: kill.Number, Time: now.In(s.rules.zone), Outcome: Begun})
}

// Finish records the outcome of a started kill, and returns the record.
func (s *Scheduler) Finish(kill Kill, now time.Time, outcome Outcome, message string) Done {
	done := s.state.done()[kill.id()]
	if done == nil {
		return Done{}
	}
	done.Time, done.Outcome, done.Message = now.In(s.rules.zone), outcome, shortened(message)
	if outcome == Killed {
		s.killed(done)
	}
	return *done
}

// killed takes note of the day of a kill.
func (s *Scheduler) killed(done *Done) {
	if s.state.LastKill == nil {
		s.state.LastKill = map[string]Date{}
	}
	s.state.LastKill[done.Workload] = s.state.Plan.Date
}

// maxMessage bounds, in bytes, what is kept of a message.
const maxMessage = 200

func shortened(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return message[:maxMessage-3] + "..."
}
