package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// lowRun is one plan of LowNodeUtilization.
type lowRun struct {
	session   strategy.Session
	scale     *utilizationScale
	objective *lowObjective
	excluded  []string
	// limit is the maximum number of moves from a node, or negative for no limit.
	limit int

	// moves counts the moves that were kept, from those of each node.
	moves int
	from  map[string]int
	full  bool

	// kinds and vain, the swaps in vain, are reset in each pass.
	kinds utilizationKinds
	vain  int
	room  *lowRoom
}

func newLowRun(session strategy.Session, scale *utilizationScale, target points, args *policy.LowNodeUtilizationArgs) *lowRun {
	r := &lowRun{
		session: session, scale: scale, objective: &lowObjective{scale: scale, target: target},
		limit: -1, from: map[string]int{},
	}
	if args.EvictableNamespaces != nil {
		r.excluded = args.EvictableNamespaces.Exclude
	}
	switch {
	case args.EvictionLimits != nil && args.EvictionLimits.Node != nil:
		r.limit = int(*args.EvictionLimits.Node)
	case slices.Contains(scale.names, policy.MetricResource):
		// A pod's share of a query's result is only an estimate: look at the effect of one move
		// before the next.
		r.limit = 1
	}
	return r
}

// pass visits the nodes that are above the target, those with the largest overshoot first.
func (r *lowRun) pass(ctx context.Context) error {
	r.kinds, r.vain = utilizationKinds{}, 0
	r.room = newLowRoom(r)
	hot := slices.DeleteFunc(newUtilizationView(r.session.State(), r.scale).known, func(n utilizationNode) bool { return n.heat.within(r.objective.target) })
	slices.SortFunc(hot, func(a, b utilizationNode) int {
		return cmp.Or(cmp.Compare(b.heat.over(r.objective.target).total(), a.heat.over(r.objective.target).total()), byNodeName(a, b))
	})
	for _, node := range hot {
		if err := r.cool(ctx, node.Node); err != nil || r.full {
			return err
		}
	}
	return nil
}

// excess returns the node's utilization and its overshoot, after the moves planned so far and
// without pods that are leaving.
func (r *lowRun) excess(node *strategy.Node) (heat, excess points) {
	heat, _ = r.scale.heat(r.session.State(), node)
	return heat, heat.over(r.objective.target)
}

// spent says whether the node's limit of moves is reached.
func (r *lowRun) spent(node string) bool { return r.limit >= 0 && r.from[node] >= r.limit }

// cool moves pods of a node until it is within the target or nothing helps.
func (r *lowRun) cool(ctx context.Context, node *strategy.Node) error {
	all := r.candidates(node)
	open := slices.Clone(all)
	for !r.full && !r.spent(node.Name) {
		heat, excess := r.excess(node)
		open = slices.DeleteFunc(open, func(c lowCandidate) bool { return r.kinds.hopeless(c.kind) })
		next, is := lowNext(excess, open)
		if !is {
			break
		}
		remove := func(c lowCandidate) bool { return c.pod == next.pod }
		if !r.room.fits(next.pod, node.Name) {
			open = slices.DeleteFunc(open, remove)
			continue
		}
		outcome, err := r.session.Propose(ctx, r.proposal(next.pod, node, heat))
		if err != nil {
			return err
		}
		r.full = outcome.Full
		r.kinds.note(next.kind, outcome)
		switch {
		case outcome.Kept:
			r.kept(node)
			all = slices.DeleteFunc(all, remove)
		case utilizationSimulated(outcome.Rule):
			r.room.renew()
			remove = func(c lowCandidate) bool { return c.kind == next.kind }
		}
		open = slices.DeleteFunc(open, remove)
	}
	return r.swap(ctx, node, all)
}

// kept counts a move.
func (r *lowRun) kept(from *strategy.Node) {
	r.moves++
	r.from[from.Name]++
	r.room.left(from)
}

// candidates returns the movable pods of a node that would reduce its overshoot.
func (r *lowRun) candidates(node *strategy.Node) []lowCandidate {
	state := r.session.State()
	_, excess := r.excess(node)
	if r.spent(node.Name) {
		return nil
	}
	var candidates []lowCandidate
	for _, pod := range slices.Clone(node.Pods) {
		c := lowCandidate{pod: pod, share: r.scale.pod(state, pod, node), reluctant: evictable.PrefersNoEviction(pod)}
		if c.takes(excess) <= utilizationSlack || !r.movable(pod) {
			continue
		}
		c.kind = utilizationKindOf(pod)
		candidates = append(candidates, c)
	}
	return candidates
}

// movable says whether proposing the pod is possible and worthwhile.
func (r *lowRun) movable(pod *corev1.Pod) bool {
	return !cluster.Leaving(pod) && !slices.Contains(r.excluded, pod.Namespace) && !r.scale.without(pod) && r.session.Evictable(pod)
}

func (r *lowRun) proposal(pod *corev1.Pod, node *strategy.Node, heat points) strategy.Proposal {
	return strategy.Proposal{
		Pod: pod, Objective: r.objective,
		Reason: fmt.Sprintf("node %s is at %s", node.Name, r.scale.describe(node, heat, r.objective.target, "above the target of")),
	}
}
