package strategies

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

const (
	// lowSwaps is how many swaps are tried per node, lowSwapNodes with how many of the emptiest
	// nodes.
	lowSwaps     = 5
	lowSwapNodes = 3
	// lowVainSwaps is how many swaps in a row may be refused before a pass tries no more.
	lowVainSwaps = 20
)

// swap exchanges pods of a node that single moves could not bring within the target with smaller
// pods of nodes within the target.
func (r *lowRun) swap(ctx context.Context, hot *strategy.Node, candidates []lowCandidate) error {
	r.room.renew()
	tried := map[utilizationKind]int{}
	for tries := 0; tries < lowSwaps && r.vain < lowVainSwaps && !r.full && !r.spent(hot.Name); tries++ {
		heat, excess := r.excess(hot)
		slices.SortFunc(candidates, byTaken(excess))
		large, small, cold := r.pair(hot, excess, candidates, tried)
		if small == nil {
			return nil
		}
		tried[large.kind]++
		there, _ := r.scale.taken(r.session.State(), cold)
		outcome, err := r.session.Swap(ctx, r.proposal(large.pod, hot, heat), strategy.Proposal{
			Pod: small, Objective: &lowReturn{lowObjective: *r.objective, hot: hot.Name, before: excess.total()},
			Reason: "node " + cold.Name + " is at " + r.scale.describe(cold, there, r.objective.target, "within the target of") +
				", and has room for pod " + large.pod.Namespace + "/" + large.pod.Name + " without this pod",
		})
		if err != nil {
			return err
		}
		r.full = outcome.Full
		if !outcome.Kept {
			r.vain++
			continue
		}
		r.vain = 0
		r.kept(hot)
		r.kept(cold)
		candidates = slices.DeleteFunc(candidates, func(c lowCandidate) bool { return c.pod == large.pod })
	}
	return nil
}

// pair returns the next two pods to try: the largest pod of the hot node that still reduces its
// overshoot, and the smallest pod that makes room for it on one of the emptiest nodes. small is
// nil if nothing is left to try.
func (r *lowRun) pair(hot *strategy.Node, excess points, candidates []lowCandidate, tried map[utilizationKind]int) (large lowCandidate, small *corev1.Pod, cold *strategy.Node) {
	emptiest := r.room.nodes[:min(len(r.room.nodes), lowSwapNodes)]
	for _, c := range candidates {
		if c.reluctant || c.takes(excess) <= utilizationSlack {
			continue
		}
		skip := tried[c.kind]
		for _, node := range emptiest {
			small := r.partner(hot, excess, c, node.Node)
			if small != nil && skip == 0 {
				return c, small, node.Node
			}
			if small != nil {
				skip--
			}
		}
	}
	return lowCandidate{}, nil, nil
}

// partner returns the smallest pod of a node that makes room for the large one when it leaves,
// and that gives the hot node less overshoot than the large one.
func (r *lowRun) partner(hot *strategy.Node, excess points, large lowCandidate, cold *strategy.Node) *corev1.Pod {
	if cold == hot || !cold.Selected || !r.scale.judges(cold) || r.spent(cold.Name) {
		return nil
	}
	state, target := r.session.State(), r.objective.target
	there, known := r.scale.taken(state, cold)
	there = there.plus(r.scale.replacement(state, large.pod, cold), 1)
	if !known || there.within(target) {
		return nil // it has room: the scheduler had other reasons
	}
	here, _ := r.excess(hot)
	here = here.plus(large.share, -1)
	type partner struct {
		pod  *corev1.Pod
		size float64
	}
	var partners []partner
	for _, pod := range cold.Pods {
		size := r.scale.pod(state, pod, cold)
		back := here.plus(r.scale.replacement(state, pod, hot), 1).over(target).total()
		if there.plus(size, -1).within(target) && back < excess.total()-utilizationSlack && !evictable.PrefersNoEviction(pod) {
			partners = append(partners, partner{pod, size.total()})
		}
	}
	slices.SortFunc(partners, func(a, b partner) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.pod.Namespace, b.pod.Namespace), cmp.Compare(a.pod.Name, b.pod.Name))
	})
	for _, p := range partners {
		if r.movable(p.pod) {
			return p.pod
		}
	}
	return nil
}
