package executor

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// stop is an early end of a run.
type stop struct {
	cause  plan.Cause
	reason string
}

func (s *stop) Error() string { return s.reason }

// interrupted says which replacements an interrupted run did not wait for.
func (r *run) interrupted(cause error) *stop {
	waited := 0
	for i := range r.result.Evictions {
		e := &r.result.Evictions[i]
		if e.Wave == r.result.Waves && disrupts(e.Outcome) && e.ReadyAfter == 0 && replaced(&e.Move) {
			waited++
		}
	}
	reason := fmt.Sprintf("interrupted: %v", cause)
	if waited > 0 {
		reason += fmt.Sprintf("; %s of wave %d not ready yet", report.Count(waited, "replacement"), r.result.Waves)
	}
	return &stop{plan.Interrupted, reason}
}

// How many refusals and useless landings end a run: this many in a row, or at least this many
// if they are more than a fraction of the wave.
const (
	refusalsInARow = 3
	refusalsLeast  = 3
	refusalsPart   = 5 // a fifth
	uselessLeast   = 2
	uselessPart    = 10 // a tenth
)

// refusals counts the requests that were refused: in a row, and of the wave. They are evictions,
// unless of says otherwise.
type refusals struct {
	of        string
	row, wave int
}

// add counts a response about a pod that the rule allowed, and stops the run after too many
// refusals.
func (c *refusals) add(answer disruption.Result, rule disruption.Rule, wave, planned int) error {
	cause := plan.Refused
	switch answer.Outcome {
	case disruption.RefusedByBudget:
		if rule == disruption.OnRequest {
			return nil // this is expected if no webhook intervenes
		}
	case disruption.Gone, disruption.Unanswered, // nothing was decided
		disruption.Deferred, disruption.Denied: // a webhook decides about a single pod
		return nil
	case disruption.Evicted, disruption.WouldEvict:
		c.row = 0
		return nil
	case disruption.Forbidden, disruption.Failed:
		cause = plan.Failed
	}
	c.row++
	c.wave++
	of := cmp.Or(c.of, "evictions")
	switch {
	case c.row >= refusalsInARow:
		return &stop{cause, fmt.Sprintf("%d %s in a row were refused, the last one: %v", c.row, of, answer.Err)}
	case c.wave >= refusalsLeast && c.wave*refusalsPart > planned:
		return &stop{cause, fmt.Sprintf("%d of %d %s in wave %d were refused, the last one: %v", c.wave, planned, of, wave, answer.Err)}
	}
	return nil
}

// landings counts the replacements that landed on a node, and those that are no better there.
type landings struct{ seen, useless int }

func (l landings) check(where string) error {
	if l.useless < uselessLeast || l.useless*uselessPart <= l.seen {
		return nil
	}
	return &stop{plan.NoProgress, fmt.Sprintf("%s, %d of %d replacements landed on a node that is no better: check that --scheduler-config matches the configuration of the cluster's schedulers", where, l.useless, l.seen)}
}

// shown is how many of a long list a message shows.
const shown = 5

func some(all []string, separator string) string {
	return strings.Join(report.FirstOf(all, shown), separator)
}
