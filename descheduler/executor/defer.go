package executor

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// deferral describes an eviction that an admission webhook defers: some deny it and move the
// pod themselves, so it may leave at any time.
type deferral struct {
	answers int
	// due is when to retry.
	due time.Time
}

// putOff records that the eviction was deferred, and when to retry.
func (e *eviction) putOff(answer disruption.Result, now time.Time) {
	if e.deferred == nil {
		e.deferred = &deferral{}
	}
	e.deferred.answers++
	e.deferred.due = now.Add(answer.AskAgain(e.deferred.answers))
}

// pursue retries the deferred evictions when they are due. They are done when the pod is
// leaving, whoever has deleted it.
func (r *run) pursue(ctx context.Context, w *wave, picture *cluster.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pods := podsOf(picture)
	r.leftAfterAll(w, pods)
	for _, e := range w.evictions {
		if e.deferred == nil {
			continue
		}
		entry := &r.result.Evictions[e.entry]
		done := false
		switch pod := pods[e.move.Pod.UID]; {
		case pod == nil || pod.DeletionTimestamp != nil:
			done = true
		case cluster.Leaving(pod) || r.Clock.Now().Before(e.deferred.due):
		default:
			answer := r.request(ctx, e.move)
			if done = answer.Outcome == disruption.Evicted; !done && ctx.Err() == nil {
				entry.Error = answer.Err.Error()
				e.putOff(answer, r.Clock.Now())
			}
		}
		if done {
			e.deferred, entry.Outcome, entry.Error = nil, disruption.Evicted, ""
			r.announce(entry)
		}
	}
}

// leftAfterAll adds those of the wave's pods that a webhook has denied but that are leaving
// anyway: whatever it returned, it may have had them moved in the background.
func (r *run) leftAfterAll(w *wave, pods map[types.UID]*corev1.Pod) {
	if r.Evictor.Mode() != disruption.ForReal {
		return
	}
	for i := range r.result.Evictions {
		entry := &r.result.Evictions[i]
		pod := pods[entry.Move.Pod.UID]
		if entry.Wave != w.number || entry.Outcome != disruption.Denied || pod != nil && !cluster.Leaving(pod) {
			continue
		}
		move := entry.Move
		entry.Outcome = disruption.Deferred
		r.done.Moves = append(r.done.Moves, move)
		e := w.add(&move, i, r.Clock.Now(), r.GracePeriodSeconds)
		e.deferred = &deferral{}
		r.remember(e.workload)
	}
}

// lookAgain returns when to look again if nothing changes: when the first deferred eviction is
// due, or soon if pods are moved by stand-ins, but at the deadline at the latest.
func (w *wave) lookAgain(now, deadline time.Time) time.Time {
	if soon := now.Add(lookBeside); w.movesBeside() && soon.Before(deadline) {
		deadline = soon
	}
	for _, e := range w.evictions {
		if e.deferred != nil && e.deferred.due.Before(deadline) {
			deadline = e.deferred.due
		}
	}
	return deadline
}

// leaveDeferred stops waiting for the evictions that are still deferred: they may take any
// time, and the run has done nothing wrong. It says whether there are any.
func (w *wave) leaveDeferred() bool {
	put := func(e *eviction) bool { return e.deferred != nil }
	if !slices.ContainsFunc(w.evictions, put) {
		return false
	}
	w.leave(put)
	return true
}

// leave stops waiting for evictions.
func (w *wave) leave(put func(*eviction) bool) {
	w.evictions = slices.DeleteFunc(w.evictions, put)
	for _, l := range w.workloads {
		l.evictions = slices.DeleteFunc(l.evictions, put)
	}
	w.workloads = slices.DeleteFunc(w.workloads, func(l *workload) bool { return len(l.evictions) == 0 })
}
