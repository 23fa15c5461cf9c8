package schedule

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Runner runs a schedule: it draws plans, and runs each kill once, at its time.
type Runner struct {
	Scheduler *Scheduler
	// Store stores the state; nil, as in a dry run, stores nothing.
	Store *Store
	Clock clock.Clock
	// OptIns reads the current opt-ins: when a plan is drawn, and before each kill.
	OptIns func() (OptIns, error)
	// Kill runs a kill, and returns its outcome: Killed if at least one pod was removed, else
	// Kept or Failed. The workload still opts in. The seed is for Victims.
	Kill func(ctx context.Context, seed draw.Seed, kill Kill) (outcome Outcome, message string)
	// Drawn and Over, which may be nil, are called with plans, and with kills that are done,
	// whatever their outcome.
	Drawn func(Plan, OptIns)
	Over  func(Done)
}

// nap is how long a Runner sleeps at most: timers stand still while a machine is suspended, the
// time of day does not.
const nap = time.Minute

// patience is how long keeping the outcome of a kill may take.
const patience = 10 * time.Second

// Run runs the schedule until the context ends, which is not an error. It fails if opt-ins cannot
// be read or the state cannot be stored, because kills might then be repeated.
func (r *Runner) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var read OptIns
		step, err := r.Scheduler.Tick(r.Clock.Now(), func() (workloads []Workload, err error) {
			read, err = r.OptIns()
			return read.Workloads, err
		})
		if err != nil {
			return r.ended(ctx, err)
		}
		if step.Changed() {
			if err := r.save(ctx); err != nil {
				return r.ended(ctx, err)
			}
		}
		for _, done := range step.Over {
			r.over(done)
		}
		if step.Drawn && r.Drawn != nil {
			r.Drawn(r.Scheduler.Plan(), read)
		}
		if len(step.Due) > 0 {
			// One at a time: by the end of it the others may have come too late.
			if err := r.do(ctx, step.Due[0]); err != nil {
				return r.ended(ctx, err)
			}
			continue
		}
		r.sleep(ctx, step.Next)
	}
	return nil
}

// ended makes the end of the context no error.
func (r *Runner) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *Runner) do(ctx context.Context, planned Kill) error {
	optIns, err := r.OptIns()
	if err != nil {
		return err
	}
	r.Scheduler.Begin(planned, r.Clock.Now())
	kill, why := optIns.Current(planned)
	if why != "" {
		return r.finish(ctx, planned, Withdrawn, why)
	}
	if err := r.save(ctx); err != nil {
		return err
	}
	outcome, message := r.Kill(ctx, r.Scheduler.Plan().Seed, kill)
	// What has been done is kept even if the run ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return r.finish(ctx, planned, outcome, message)
}

func (r *Runner) finish(ctx context.Context, kill Kill, outcome Outcome, message string) error {
	done := r.Scheduler.Finish(kill, r.Clock.Now(), outcome, message)
	if err := r.save(ctx); err != nil {
		return err
	}
	r.over(done)
	return nil
}

func (r *Runner) save(ctx context.Context) error {
	if r.Store == nil {
		return nil
	}
	return r.Store.Save(ctx, r.Scheduler.State())
}

func (r *Runner) over(done Done) {
	if r.Over != nil {
		r.Over(done)
	}
}

func (r *Runner) sleep(ctx context.Context, until time.Time) {
	timer := r.Clock.NewTimer(min(until.Sub(r.Clock.Now()), nap))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}
