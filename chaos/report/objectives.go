package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/journal"
	layout "github.com/stowage-k8s/stowage/internal/report"
)

// The objectives, by their names in a scenario.
const (
	minAvailability = "minAvailability"
	maxRecovery     = "maxRecovery"
	maxUnrecovered  = "maxUnrecovered"
)

// Finding is the result of an objective, for a workload or the whole run.
type Finding struct {
	Objective string `json:"objective"`
	Workload  string `json:"workload,omitempty"`
	Met       bool   `json:"met"`
	// Message says what was required, and what happened.
	Message string `json:"message"`
}

// find checks the run against its objectives. A dry run has no findings.
func (r *Report) find() []Finding {
	o := r.Objectives
	if o == nil || r.Run.DryRun {
		return nil
	}
	var list []Finding
	if o.MinAvailability != nil {
		for _, w := range r.Workloads {
			if len(w.Availability) > 0 {
				list = append(list, available(w, *o.MinAvailability))
			}
		}
	}
	all := r.Totals.Recovery
	if o.MaxRecovery != nil && all.N+all.Unrecovered > 0 {
		list = append(list, recoveredIn(all, o.MaxRecovery.Duration, cmp.Or(o.RecoveryPercentile, 100)))
	}
	if o.MaxUnrecovered != nil {
		list = append(list, Finding{
			Objective: maxUnrecovered, Met: all.Unrecovered <= *o.MaxUnrecovered,
			Message: fmt.Sprintf("%s without a ready replacement at the end, at most %d allowed", layout.Count(all.Unrecovered, "pod"), *o.MaxUnrecovered),
		})
	}
	return list
}

// available holds a workload against the smallest number of ready pods.
func available(w Workload, demanded intstr.IntOrString) Finding {
	f := Finding{Objective: minAvailability, Workload: w.Workload, Met: true}
	worst := *w.Floor
	least := 0
	for _, m := range w.Availability {
		need, err := field.Demanded(demanded, m.Desired)
		if err != nil {
			f.Met, f.Message = false, fmt.Sprintf("%s is invalid: %v", minAvailability, err)
			return f
		}
		if m.Ready < need && f.Met {
			f.Met, worst, least = false, m, need
		}
	}
	if f.Met {
		f.Message = fmt.Sprintf("%s at the worst moment, %s required", ready(worst), demanded.String())
	} else {
		f.Message = fmt.Sprintf("%s after %s, but %s requires %d", ready(worst), seconds(worst.Seconds), demanded.String(), least)
	}
	return f
}

// recoveredIn holds the percentile of the times to recover against the longest allowed.
func recoveredIn(all Recovery, longest time.Duration, percentile float64) Finding {
	f := Finding{Objective: maxRecovery}
	took := all.percentile(percentile)
	f.Met = took != nil && *took <= longest.Seconds()
	came := fmt.Sprintf("%s had no ready replacement at the end", layout.Count(all.Unrecovered, "pod"))
	if took != nil {
		came = "it took " + seconds(*took)
	}
	f.Message = fmt.Sprintf("%g %% of %s must be replaced within %s: %s", percentile, layout.Count(all.N+all.Unrecovered, "lost pod"), longest, came)
	return f
}

// Judge returns the verdict by what was removed, the objectives and the recovery. It is for runs
// that were neither aborted nor refused, and does not check the steady state.
func Judge(run *journal.Run) journal.End { return From(run).judge() }

func (r *Report) judge() journal.End {
	if missed := r.missed(); len(missed) > 0 {
		return journal.End{Verdict: journal.Broken, Reasons: missed}
	}
	if r.Totals.Pods+r.Totals.Nodes == 0 {
		return journal.End{Verdict: journal.Inconclusive, Reasons: []string{"nothing was removed"}}
	}
	demanded := r.Objectives != nil && (r.Objectives.MaxRecovery != nil || r.Objectives.MaxUnrecovered != nil)
	if n := r.drawnUnrecovered(); n > 0 && !demanded {
		return journal.End{Verdict: journal.Inconclusive, Reasons: []string{fmt.Sprintf("%s had no ready replacement when the run ended", layout.Count(n, "lost pod"))}}
	}
	return journal.End{Verdict: journal.Held}
}

// drawnUnrecovered counts the drawn pods that were not replaced.
func (r *Report) drawnUnrecovered() (n int) {
	for _, l := range r.losses {
		if l.Drawn && l.recovered == nil && !l.unneeded {
			n++
		}
	}
	return n
}

// missed lists the objectives that were not met.
func (r *Report) missed() []string {
	var list []string
	for _, f := range r.Findings {
		if !f.Met {
			list = append(list, f.sentence())
		}
	}
	return list
}

func (f Finding) sentence() string {
	if f.Workload == "" {
		return f.Objective + ": " + f.Message
	}
	return f.Objective + " of " + f.Workload + ": " + f.Message
}

// settle sets the verdict: that of the run, or, if the run held, that of the objectives.
func (r *Report) settle(end *journal.End) {
	switch {
	case end == nil:
		r.Verdict, r.Reasons = journal.Failed, []string{"the journal has no end: the run crashed, or is still in progress"}
		return
	case end.Verdict == journal.Held && !r.Run.DryRun:
		own := r.judge()
		r.Verdict, r.Reasons = own.Verdict, own.Reasons
	default:
		r.Verdict = end.Verdict
	}
	for _, reason := range end.Reasons {
		if !slices.Contains(r.Reasons, reason) {
			r.Reasons = append(r.Reasons, reason)
		}
	}
	r.Reasons = append([]string{}, r.Reasons...)
}
