package schedule

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/draw"
)

// Runner keeps to the schedule: it draws plans, and has each kill done once, at its time.
type Runner struct {
	Scheduler *Scheduler
	// Store keeps the state; nil, as for a dry run, keeps it nowhere.
	Store *Store
	Clock clock.Clock
	// OptIns reads what workloads say now: when a plan is drawn, and again before each kill.
	OptIns func() (OptIns, error)
	// Kill does it, and says what came of it: Killed as soon as one pod went, Kept or Failed. The
	// workload asks for it still. The seed is for Victims.
	Kill func(ctx context.Context, seed draw.Seed, kill Kill) (outcome Outcome, message string)
	// Drawn and Over, which may be nil, are told of plans and of kills that are over, whatever
	// their outcome.
	Drawn func(Plan, OptIns)
	Over  func(Done)
}

// nap is how long a Runner sleeps at most: timers stand still while a machine is suspended, the
// time of day does not.
const nap = time.Minute

// patience is how long keeping the outcome of a kill may take.
const patience = 10 * time.Second

// Run keeps to the schedule until the context ends, which is no error. The errors are that
// opt-ins cannot be read, or that the state cannot be kept: without it, kills might be repeated.
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
