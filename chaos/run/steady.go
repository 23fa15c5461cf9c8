package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/steady"
)

// settlePatience is how long the steady state may take to come back at the end.
const settlePatience = 30 * time.Second

// lookPause is how long to wait before looking again.
const lookPause = 500 * time.Millisecond

// monitor returns a monitor of the scenario's steady state that writes what it sees.
func (e *engine) monitor(phase string, checks ...steady.Check) *steady.Monitor {
	if len(checks) == 0 {
		checks = e.Scenario.SteadyState.Checks
	}
	return &steady.Monitor{
		Env:      steady.Env{Client: e.live.Client, Picture: e.live.Picture},
		Checks:   checks,
		Interval: e.Scenario.SteadyState.Interval,
		Clock:    clock.RealClock{},
		Changed: func(r steady.Result) {
			e.write(journal.Record{Check: &journal.Check{Probe: r.Probe, Phase: phase, OK: r.OK, Message: r.Message}})
		},
	}
}

// look looks once. What proves nothing is a doubt; the error is the first that is broken.
func (e *engine) look(ctx context.Context, phase string, checks ...steady.Check) error {
	for _, r := range e.monitor(phase, checks...).Once(ctx) {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.Nothing:
			e.doubts = append(e.doubts, fmt.Sprintf("probe %s: %s", r.Probe, r.Message))
		case !r.OK:
			return &steady.BrokenError{Result: r}
		}
	}
	return nil
}

// steadyBefore looks whether there is a steady state to break.
func (e *engine) steadyBefore(ctx context.Context) error {
	if err := e.look(ctx, "before"); err != nil {
		return fmt.Errorf("before the first step: %w", err)
	}
	if len(e.doubts) > 0 {
		return errDoubtful
	}
	return nil
}

// errDoubtful ends a run that would prove nothing.
var errDoubtful = errors.New("the run would prove nothing")

// watchSteady watches the steady state until the context ends, and ends it with the reason
// when that is broken. The channel is closed when it is done.
func (e *engine) watchSteady(ctx context.Context, cancel context.CancelCauseFunc) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if len(e.Scenario.SteadyState.Checks) == 0 || e.DryRun {
			return
		}
		if err := e.monitor("during").Run(ctx); err != nil {
			cancel(err)
		}
	}()
	return done
}

// steadyAfter waits until the steady state is back, for a while.
func (e *engine) steadyAfter(ctx context.Context) error {
	patience := settlePatience
	if e.DryRun {
		patience = 0
	}
	return e.within(context.WithoutCancel(ctx), patience, "after")
}

// within looks until all is well, or the time is over.
func (e *engine) within(ctx context.Context, patience time.Duration, phase string, checks ...steady.Check) error {
	for deadline := time.Now().Add(patience); ; {
		err := e.look(ctx, phase, checks...)
		if err == nil || !time.Now().Before(deadline) {
			return err
		}
		if err := e.sleep(ctx, lookPause); err != nil {
			return err
		}
	}
}
