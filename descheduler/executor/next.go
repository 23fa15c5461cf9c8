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

// held is a unit that cannot be evicted yet, with the reason.
type held struct {
	unit
	rule   strategy.Rule
	reason string
	// soon says that only a status prevents it, which lags behind the pods.
	soon bool
}

// next returns the units of the queue's first wave that can be evicted now, and removes them
// from the queue. If there are none, it waits, but not forever: then it drops the rest of the
// wave. It also waits briefly for units that only a lagging status prevents, so that they do
// not need another wave.
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

// sift returns the units of the queue's first wave that can be evicted now, and those that must
// wait. It drops those whose pods have changed since they were planned.
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
		reason := fmt.Sprintf("the %d pods of its swap must be evicted together, which the budgets or the limits of a wave do not allow", len(u))
		waiting = append(waiting, held{unit: u, rule: strategy.OverBudget, reason: reason})
	}
	return nil, waiting
}

// lags says whether the pods of the workload or budget that prevents the unit are all ready,
// and only its status does not show that yet.
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

// hindrance says why the unit must wait: for a budget, or for a workload with fewer pods than
// desired.
func (r *run) hindrance(u unit, owners *cluster.Owners, standing map[types.UID]standing) (strategy.Rule, string) {
	for i := range u {
		pod := u[i].Object
		verdict := r.ledger.May(pod)
		if u[i].StandIn {
			verdict = r.ledger.MayBeside(pod)
		}
		if !verdict.Allowed {
			return strategy.OverBudget, verdict.Reason
		}
		w := owners.Of(pod)
		switch {
		case w == nil || !cluster.Holds(pod):
		case owners.Keeps(pod) != "":
			return strategy.Rollout, fmt.Sprintf("%s (%s)", w, owners.Keeps(pod))
		case verdict.Rule == disruption.NoBudget && up(pod) && standing[w.UID].ready == 1 && standing[w.UID].desired(w) > 1:
			return strategy.Rollout, fmt.Sprintf("%s (this is its only ready pod, and no budget protects it)", w)
		}
	}
	return "", ""
}

// standing counts a workload's pods, and those of them that are ready.
type standing struct{ pods, ready int }

// desired returns how many pods the workload should have. If its kind is unknown, these are
// the pods that it has, except those that are leaving.
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

// check has the planner check the units on the snapshot, and returns those that are still
// justified, with their new destinations.
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
			r.drop(still, strategy.NoImprovement, "it is part of a swap, and the other move is no longer justified")
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

// drop records moves that are not tried.
func (r *run) drop(moves []plan.Move, rule strategy.Rule, reason string) {
	for i := range moves {
		m := &moves[i]
		r.result.Dropped = append(r.result.Dropped, plan.Refusal{
			Pod: m.Pod, Node: m.From, Profile: m.Profile, Strategy: m.Strategy, Rule: rule, Reason: reason,
		})
	}
}
