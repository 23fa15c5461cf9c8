package executor

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// held is a unit that cannot go yet, and why.
type held struct {
	unit
	rule   strategy.Rule
	reason string
	// soon says that only a status keeps it, which the pods are ahead of.
	soon bool
}

// next returns what of the queue's first wave goes now, and takes it from the queue. It
// waits while nothing can go, but not for ever: then it drops what is left of the wave. It
// waits also, for a moment, for what could go at once but for a status that lags behind the
// pods: without that, it would take a wave of its own.
func (r *run) next(ctx context.Context) (*cluster.Snapshot, []unit, error) {
	begin := r.Clock.Now()
	deadline := begin.Add(r.Settle)
	for {
		changed := r.Cluster.Changed()
		picture := r.Cluster.Snapshot()
		if err := r.checkNodes(picture, nil); err != nil {
			return nil, nil, err
		}
		r.ledger.Update(picture.Budgets, picture.Pods, picture.Nodes)
		going, waiting := r.sift(picture)
		until := deadline
		if len(going) > 0 {
			until = begin.Add(lag)
			waiting = slices.DeleteFunc(waiting, func(h held) bool { return !h.soon })
		}
		switch {
		case len(waiting) == 0 || len(going) > 0 && !r.Clock.Now().Before(until):
			r.take(going)
			return picture, going, nil
		case !r.Clock.Now().Before(until):
			for _, h := range waiting {
				r.drop(h.unit, h.rule, h.reason)
			}
			r.queue[0] = nil
			return picture, nil, nil
		}
		r.tell(Progress{Wave: r.result.Waves + 1, Waiting: waiting[0].reason})
		if err := r.wait(ctx, changed, until); err != nil {
			return nil, nil, err
		}
	}
}

// sift returns what of the queue's first wave goes now, and what has to wait. It drops what
// is no longer as it was planned with.
func (r *run) sift(picture *cluster.Snapshot) (going []unit, waiting []held) {
	pods, owners := podsOf(picture), cluster.NewOwners(picture)
	standing := standingOf(picture, owners)
	var there []plan.Move
	var free []unit
	for _, u := range unitsOf(r.queue[0]) {
		if why := u.outdated(pods); why != "" {
			r.drop(u, strategy.Outdated, why)
			continue
		}
		for i := range u {
			u[i].Object = pods[u[i].Pod.UID]
		}
		there = append(there, u...)
		if rule, reason := r.hindrance(u, owners, standing); rule != "" {
			waiting = append(waiting, held{u, rule, reason, r.lags(u, owners, standing)})
		} else {
			free = append(free, u)
		}
	}
	r.queue[0] = there
	if going = r.fit(owners, free); len(going) > 0 {
		return going, waiting
	}
	for _, u := range free {
		reason := fmt.Sprintf("its %d pods only make sense together, and the budgets and the limits of a wave do not let all go at once", len(u))
		waiting = append(waiting, held{unit: u, rule: strategy.OverBudget, reason: reason})
	}
	return nil, waiting
}

// lags says whether the pods of a workload or a budget that keeps the unit are all there and
// ready as they should be, and only its status does not say so yet.
func (r *run) lags(u unit, owners *cluster.Owners, standing map[types.UID]standing) bool {
	for i := range u {
		pod := u[i].Object
		for _, name := range r.ledger.Covering(pod) {
			if healthy, desired, known := r.ledger.Health(name); known && r.ledger.Allowed(name) == 0 && healthy > desired {
				return true
			}
		}
		if w := owners.Of(pod); w != nil && r.remembered[w.UID] && owners.Keeps(pod) != "" {
			if s := standing[w.UID]; s.ready == s.desired(w) && s.pods == s.desired(w) {
				return true
			}
		}
	}
	return false
}

// hindrance says why the unit has to wait: for a budget, or for a workload that has fewer
// pods than it should.
func (r *run) hindrance(u unit, owners *cluster.Owners, standing map[types.UID]standing) (strategy.Rule, string) {
	for i := range u {
		pod := u[i].Object
		verdict := r.ledger.May(pod)
		if !verdict.Allowed {
			return strategy.OverBudget, verdict.Reason
		}
		w := owners.Of(pod)
		switch {
		case w == nil || !cluster.Holds(pod):
		case owners.Keeps(pod) != "":
			return strategy.Rollout, fmt.Sprintf("%s (%s)", w, owners.Keeps(pod))
		case verdict.Rule == disruption.NoBudget && up(pod) && standing[w.UID].ready == 1 && standing[w.UID].desired(w) > 1:
			return strategy.Rollout, fmt.Sprintf("%s (no pod but this one is ready, and no budget protects it)", w)
		}
	}
	return "", ""
}

// standing counts a workload's pods, and those of them that are ready.
type standing struct{ pods, ready int }

// desired returns how many pods the workload should have: of a kind that only its
// controller knows, those that it has and that stay.
func (s standing) desired(w *cluster.Workload) int {
	if w.Desired >= 0 {
		return w.Desired
	}
	return s.pods
}

// standingOf counts the pods of all workloads.
func standingOf(picture *cluster.Snapshot, owners *cluster.Owners) map[types.UID]standing {
	all := map[types.UID]standing{}
	for _, pod := range picture.Pods {
		w := owners.Of(pod)
		if w == nil {
			continue
		}
		s := all[w.UID]
		if cluster.Holds(pod) && !cluster.Leaving(pod) {
			s.pods++
		}
		if up(pod) {
			s.ready++
		}
		all[w.UID] = s
	}
	return all
}

// check has the planner justify the units on the picture, and returns those that it still
// does, with where they would go now.
func (r *run) check(ctx context.Context, picture *cluster.Snapshot, units []unit) ([]unit, error) {
	moves := slices.Concat(units...)
	if len(moves) == 0 {
		return nil, nil
	}
	kept, dropped, err := r.Planner.Check(ctx, picture, moves, r.done)
	if err != nil {
		return nil, fmt.Errorf("checking the next wave: %w", err)
	}
	r.result.Dropped = append(r.result.Dropped, dropped...)
	r.differs = r.differs || len(kept) < len(moves)
	now := make(map[types.UID]plan.Move, len(kept))
	for _, m := range kept {
		now[m.Pod.UID] = m
	}
	var justified []unit
	for _, u := range units {
		var still unit
		for i := range u {
			if m, is := now[u[i].Pod.UID]; is {
				still = append(still, m)
			}
		}
		if len(still) == len(u) {
			justified = append(justified, still)
		} else {
			r.drop(still, strategy.NoImprovement, "it only makes sense together with a move that is no longer justified")
		}
	}
	return justified, nil
}

// take takes units from the queue's first wave.
func (r *run) take(units []unit) {
	taken := map[types.UID]bool{}
	for _, m := range slices.Concat(units...) {
		taken[m.Pod.UID] = true
	}
	r.queue[0] = slices.DeleteFunc(r.queue[0], func(m plan.Move) bool { return taken[m.Pod.UID] })
}

// drop notes moves that are not tried.
func (r *run) drop(moves []plan.Move, rule strategy.Rule, reason string) {
	for i := range moves {
		m := &moves[i]
		r.result.Dropped = append(r.result.Dropped, plan.Refusal{
			Pod: m.Pod, Node: m.From, Profile: m.Profile, Strategy: m.Strategy, Rule: rule, Reason: reason,
		})
	}
}
