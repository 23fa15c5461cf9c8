package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// judge returns the verdict on a run that ended with the error.
func (e *engine) judge(err error) (journal.End, error) {
	var broken *steady.BrokenError
	var refused *RefusedError
	var others *undo.RunError
	var held *undo.HeldError
	switch {
	case (errors.As(err, &others) || errors.As(err, &held)) && !e.changed:
		return journal.End{Verdict: journal.Refused, Reasons: []string{err.Error()}}, err
	case errors.As(err, &refused):
		return journal.End{Verdict: journal.Refused, Reasons: []string{err.Error()}}, err
	case errors.As(err, &broken) && broken.Nothing:
		return journal.End{Verdict: journal.Inconclusive, Reasons: []string{broken.Error()}}, nil
	case errors.As(err, &broken):
		return journal.End{Verdict: journal.Broken, Reasons: []string{broken.Error()}}, nil
	case errors.Is(err, errDoubtful):
		return journal.End{Verdict: journal.Inconclusive, Reasons: e.doubts}, nil
	case errors.Is(err, context.Canceled) && e.endless(), errors.Is(err, errOver) && e.endless():
		err = nil // that is how it ends
	case errors.Is(err, context.Canceled):
		return journal.End{Verdict: journal.Inconclusive, Reasons: []string{"the run was interrupted"}}, nil
	case errors.Is(err, errOver):
		return journal.End{Verdict: journal.Inconclusive, Reasons: []string{fmt.Sprintf("the run timed out after %s", e.Scenario.Timeout)}}, nil
	}
	if err != nil {
		return journal.End{Verdict: journal.Failed, Reasons: []string{err.Error()}}, err
	}
	if !e.drawn {
		e.doubts = append(e.doubts, "there was nothing to remove")
	} else if !e.taken && !e.DryRun {
		e.doubts = append(e.doubts, "nothing was removed: budgets kept all victims, they were already gone, or the nodes were empty")
	}
	if len(e.doubts) > 0 {
		return journal.End{Verdict: journal.Inconclusive, Reasons: e.doubts}, nil
	}
	if e.DryRun {
		return journal.End{Verdict: journal.Held, Reasons: []string{"dry run: nothing was changed"}}, nil
	}
	return report.Judge(e.Memory.Run()), nil
}

// endless says whether the run goes on until it is told to end.
func (e *engine) endless() bool {
	for i := range e.Scenario.Steps {
		if repeated, again := e.Scenario.Steps[i].Fault.(fault.Repeated); again {
			if times, _ := repeated.Ticks(); times == 0 {
				return true
			}
		}
	}
	return false
}
