package executor

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

const (
	// askAgainAfter is how long to wait if the API server does not say.
	askAgainAfter = time.Second
	// askTimeout is the timeout for looking up a pod.
	askTimeout = 5 * time.Second
)

// disrupts says whether the pod is gone with this outcome, or may be.
func disrupts(o disruption.Outcome) bool {
	return o == disruption.Evicted || o == disruption.Unanswered
}

// evict evicts the wave's pods, those of different budgets in parallel. A unit is dropped if
// its first pod cannot be evicted.
func (r *run) evict(ctx context.Context, w *wave, units []unit) error {
	r.refusals.wave, r.refusedStandIns.wave = 0, 0
	begin := len(r.result.Evictions)
	lanes := make(chan []unit)
	var working sync.WaitGroup
	var stopped error
	r.mu.Lock()
	for range max(1, r.AtOnce) {
		working.Go(func() {
			for lane := range lanes {
				r.mu.Lock()
				for _, u := range lane {
					if stopped != nil || w.outage {
						r.drop(u, strategy.Outdated, "the run or the wave ended before its eviction")
						continue
					}
					// Another lane may have stopped the run while this one asked.
					if err := r.evictUnit(ctx, w, u); err != nil && stopped == nil {
						stopped = err
					}
				}
				r.mu.Unlock()
			}
		})
	}
	all := r.lanes(units)
	r.mu.Unlock()
	for _, lane := range all {
		lanes <- lane
	}
	close(lanes)
	working.Wait()
	w.inOrder(r.result.Evictions[begin:], begin, units)
	return stopped
}

// lanes sorts units by the budget of their first pod.
func (r *run) lanes(units []unit) [][]unit {
	firsts := make([]*corev1.Pod, len(units))
	for i, u := range units {
		firsts[i] = u[0].Object
	}
	var lanes [][]unit
	for _, places := range r.ledger.Lanes(firsts) {
		var lane []unit
		for _, i := range places {
			lane = append(lane, units[i])
		}
		lanes = append(lanes, lane)
	}
	return lanes
}

// evictUnit evicts the pods of a unit one after the other.
func (r *run) evictUnit(ctx context.Context, w *wave, u unit) error {
	for i := range u {
		if err := ctx.Err(); err != nil {
			return err
		}
		evicted, err := r.evictOne(ctx, w, &u[i])
		if err != nil {
			return err
		}
		r.tell(w.progress(""))
		if evicted {
			continue
		}
		r.outdated = r.outdated || len(u) > 1
		if i == 0 {
			r.drop(u[1:], strategy.OverBudget, fmt.Sprintf("it is part of a swap with pod %s/%s, which could not be evicted", u[0].Pod.Namespace, u[0].Pod.Name))
			return nil
		}
	}
	return nil
}

// evictOne evicts one pod and records the result.
func (r *run) evictOne(ctx context.Context, w *wave, m *plan.Move) (evicted bool, err error) {
	if m.StandIn {
		return r.beginBeside(w, m), nil
	}
	verdict := r.ledger.May(m.Object)
	if !verdict.Allowed {
		r.drop(unit{*m}, strategy.OverBudget, verdict.Reason)
		return false, nil
	}
	at := r.Clock.Now()
	answer, err := r.ask(ctx, w, m, verdict.Rule)
	if answer.Outcome == disruption.NotAsked {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		return false, &stop{plan.Failed, answer.Err.Error()}
	}
	e := plan.Eviction{Move: *m, Wave: w.number, Outcome: answer.Outcome}
	if answer.Err != nil {
		e.Error = answer.Err.Error()
	}
	if answer.Outcome.Spends() {
		r.ledger.Spend(m.Object)
	}
	switch answer.Outcome {
	case disruption.Forbidden, disruption.Failed, disruption.Denied, disruption.Deferred:
		r.done.Refused[m.Pod.UID] = e.Error
	case disruption.RefusedByBudget:
		if verdict.Rule == disruption.OnRequest { // no room in the budget was expected, and nobody moves the pod
			r.done.Refused[m.Pod.UID] = e.Error
		}
	}
	if answer.Outcome == disruption.Unanswered {
		e.Outcome, err = r.fate(ctx, w, m)
		switch e.Outcome {
		case disruption.Evicted:
			e.Error = ""
		case disruption.Failed:
			e.Error += "; it was not evicted"
		}
	}
	r.result.Evictions = append(r.result.Evictions, e)
	switch e.Outcome {
	case disruption.WouldEvict:
		r.done.Moves = append(r.done.Moves, *m)
		return true, err
	case disruption.Evicted, disruption.Unanswered:
		r.done.Moves = append(r.done.Moves, *m)
		r.remember(w.add(m, len(r.result.Evictions)-1, at, r.GracePeriodSeconds).workload)
		r.announce(&e)
		return true, err
	case disruption.Deferred:
		r.done.Moves = append(r.done.Moves, *m)
		if r.Evictor.Mode() == disruption.ForReal {
			begun := w.add(m, len(r.result.Evictions)-1, at, r.GracePeriodSeconds)
			begun.putOff(answer, r.Clock.Now())
			r.remember(begun.workload)
		}
		return true, err
	}
	r.announce(&e)
	return false, err
}

// ask requests the eviction, and retries once if the API server is overloaded.
func (r *run) ask(ctx context.Context, w *wave, m *plan.Move, rule disruption.Rule) (disruption.Result, error) {
	answer := r.request(ctx, m)
	err := r.refusals.add(answer, rule, w.number, w.planned)
	if err != nil || answer.Outcome != disruption.TooManyRequests || answer.RetryAfter > r.Patience {
		return answer, err
	}
	if r.sleep(ctx, cmp.Or(answer.RetryAfter, askAgainAfter)) != nil {
		return answer, ctx.Err()
	}
	picture := r.Cluster.Snapshot()
	r.ledger.Update(picture.Budgets, picture.Pods, picture.Nodes)
	if !r.ledger.May(m.Object).Allowed {
		return answer, nil
	}
	answer = r.request(ctx, m)
	return answer, r.refusals.add(answer, rule, w.number, w.planned)
}

// request makes one request. Others may be made in parallel.
func (r *run) request(ctx context.Context, m *plan.Move) disruption.Result {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	r.mu.Unlock()
	defer r.mu.Lock()
	return r.Evictor.Evict(ctx, disruption.TargetOf(m.Object))
}

// fate looks up a pod whose eviction got no response, until the API server responds. It
// returns Evicted, Failed if the pod still exists, or Unanswered if there was no response. It
// ends the wave in any case, because the cluster may have changed meanwhile.
func (r *run) fate(ctx context.Context, w *wave, m *plan.Move) (disruption.Outcome, error) {
	w.outage, r.outdated = true, true
	deadline := r.Clock.Now().Add(r.Patience)
	for {
		changed := r.Cluster.Changed()
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		pod, err := r.Pods.Pods(m.Pod.Namespace).Get(asking, m.Pod.Name, metav1.GetOptions{})
		cancel()
		switch {
		case ctx.Err() != nil:
			return disruption.Unanswered, ctx.Err()
		case apierrors.IsNotFound(err) || err == nil && (pod.UID != m.Pod.UID || pod.DeletionTimestamp != nil):
			return disruption.Evicted, nil
		case err == nil:
			// Nothing was taken from its budget either. The watches show the current cluster once
			// they deliver something.
			r.ledger = disruption.NewLedger(nil, nil, nil)
			select {
			case <-changed: // by something from before
			default:
			}
			return disruption.Failed, r.wait(ctx, changed, r.Clock.Now().Add(r.Settle))
		case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
			return disruption.Unanswered, &stop{plan.Failed, fmt.Sprintf("an eviction got no response, and the pod cannot be looked up (this requires permission to get pods): %v", err)}
		case !r.Clock.Now().Before(deadline):
			return disruption.Unanswered, &stop{plan.Failed, fmt.Sprintf("the API server has not responded for %v: %v", r.Patience, err)}
		}
		r.tell(w.progress("the API server"))
		if err := r.sleep(ctx, askAgainAfter); err != nil {
			return disruption.Unanswered, err
		}
	}
}
