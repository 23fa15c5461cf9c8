package steady

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/target"
)

const (
	// DefaultInterval is the default time between checks.
	DefaultInterval = 500 * time.Millisecond
	// DefaultTimeout is the default timeout of a check. With the default interval, a probe
	// without an answer is noticed within a second.
	DefaultTimeout = 500 * time.Millisecond
)

// Check is a probe with its settings in a run.
type Check struct {
	Name string
	Probe
	// Timeout is the timeout of one check; 0 is DefaultTimeout.
	Timeout time.Duration
	// FailureThreshold is the number of consecutive failures after which the steady state is
	// broken; 0 is 1.
	FailureThreshold int
}

// Result is the result of one check.
type Result struct {
	// Probe is the name of the Check.
	Probe string
	Observation
	// Failures is the number of consecutive failures, including this one.
	Failures int
	// Broken means that the threshold is reached.
	Broken bool
}

// BrokenError means that the steady state is broken, or cannot be checked.
type BrokenError struct{ Result }

func (e *BrokenError) Error() string { return fmt.Sprintf("probe %s: %s", e.Probe, e.Message) }

// Monitor watches a steady state.
type Monitor struct {
	Env    Env
	Checks []Check
	// Interval is the time between checks; 0 is DefaultInterval.
	Interval time.Duration
	Clock    clock.WithTicker
	// Changed, if set, is called with the first result of each probe, and whenever OK, Nothing
	// or Broken changes. It is called in the goroutine that called Run or Once.
	Changed func(Result)
}

// Once runs each probe once, in parallel, and returns the results in the order of Checks.
// Thresholds do not apply: a result that is not OK is Broken.
func (m *Monitor) Once(ctx context.Context) []Result {
	env := m.round()
	results := make([]Result, len(m.Checks))
	var looking sync.WaitGroup
	for i, check := range m.Checks {
		looking.Go(func() {
			seen := check.look(ctx, env)
			results[i] = Result{Probe: check.Name, Observation: seen, Broken: !seen.OK}
			if !seen.OK {
				results[i].Failures = 1
			}
		})
	}
	looking.Wait()
	if m.Changed != nil {
		for _, r := range results {
			m.Changed(r)
		}
	}
	return results
}

// Run checks at every interval until the context ends, or until the first probe is broken. It
// then returns a BrokenError at once. It returns nil when the context ends. A probe whose check
// is still running is not started again.
func (m *Monitor) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that are still looking
	interval := m.Interval
	if interval <= 0 {
		interval = DefaultInterval
	}
	ticker := m.Clock.NewTicker(interval)
	defer ticker.Stop()

	type seen struct {
		check int
		Observation
	}
	var (
		looks = make(chan seen, len(m.Checks)) // each has one under way at most, so none waits
		busy  = make([]bool, len(m.Checks))
		last  = make([]*Result, len(m.Checks))
	)
	for {
		env := m.round()
		for i, check := range m.Checks {
			if !busy[i] {
				busy[i] = true
				go func() { looks <- seen{i, check.look(ctx, env)} }()
			}
		}
		for ticked := false; !ticked; {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C():
				ticked = true
			case look := <-looks:
				if ctx.Err() != nil {
					return nil // it failed because of that
				}
				busy[look.check] = false
				result := m.Checks[look.check].follow(last[look.check], look.Observation)
				if m.Changed != nil && differs(last[look.check], result) {
					m.Changed(*result)
				}
				if result.Broken {
					return &BrokenError{*result}
				}
				last[look.check] = result
			}
		}
	}
}

// round returns an Env whose picture is made once, when the first probe asks for it.
func (m *Monitor) round() Env {
	env := m.Env
	if env.Picture != nil {
		env.Picture = sync.OnceValue[*target.Picture](env.Picture)
	}
	return env
}

// look looks once, within the timeout.
func (c Check) look(ctx context.Context, env Env) Observation {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	seen, err := c.Check(ctx, env)
	switch {
	case err == nil:
		return seen
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return Observation{Message: fmt.Sprintf("no answer within the timeout of %v: %v", timeout, err)}
	}
	return Observation{Message: fmt.Sprintf("the check could not be made: %v", err)}
}

// follow returns the result of a look after the last one, which is nil for the first.
func (c Check) follow(last *Result, seen Observation) *Result {
	r := &Result{Probe: c.Name, Observation: seen}
	if seen.OK {
		return r
	}
	r.Failures = 1
	if last != nil {
		r.Failures += last.Failures
	}
	r.Broken = r.Failures >= max(1, c.FailureThreshold)
	return r
}

func differs(last, now *Result) bool {
	return last == nil || last.OK != now.OK || last.Nothing != now.Nothing || last.Broken != now.Broken
}
