package planner

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Check plans moves again on a later snapshot. It returns those that are still justified, with
// their new destinations, and why the others are not. The two moves of a swap are kept or
// dropped together.
func (p *Planner) Check(ctx context.Context, picture *cluster.Snapshot, moves []plan.Move, done plan.Done) ([]plan.Move, []plan.Refusal, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := p.newRun(ctx, picture, done)
	if err != nil {
		return nil, nil, err
	}
	now := make(map[types.UID]*corev1.Pod, len(picture.Pods))
	for _, pod := range picture.Pods {
		now[pod.UID] = pod
	}
	for i, m := range moves {
		group := []plan.Move{m}
		if m.Together != 0 {
			group = slices.DeleteFunc(slices.Clone(moves), func(other plan.Move) bool { return other.Together != m.Together })
			if first := slices.IndexFunc(moves, func(other plan.Move) bool { return other.Together == m.Together }); first < i {
				continue
			}
		}
		if err := r.check(ctx, group, now); err != nil {
			return nil, nil, err
		}
	}
	kept, err := r.inAnyOrder(ctx)
	return kept, r.refused.list, err
}

// inAnyOrder returns those moves of a wave that are also an improvement while the wave's pods
// still occupy their nodes: if many are evicted at once, some are replaced before others are
// gone, in an unknown order.
func (r *run) inAnyOrder(ctx context.Context) ([]plan.Move, error) {
	if len(r.moves) < 2 {
		return r.moves, nil
	}
	if err := r.hold(); err != nil {
		return nil, err
	}
	var kept []plan.Move
	for _, m := range r.moves {
		outcome, possible, err := r.whileOthersHold(ctx, m)
		if err != nil {
			return nil, err
		}
		if outcome.Rule != "" && m.Together == 0 {
			s := &session{run: r, profile: m.Profile, strategy: m.Strategy}
			outcome.Reason += " while other pods of the wave still terminate"
			s.refuse(m.Object, outcome)
			continue
		}
		m.Possible = union(m.Possible, possible)
		kept = append(kept, m)
	}
	return kept, nil
}

// hold removes all replacements, and puts the pods that they replace back as terminating, or as
// they were if a stand-in replaces them.
func (r *run) hold() error {
	for i := range r.moves {
		pod := r.moves[i].Object
		placed := r.placed[pod.UID]
		if placed == nil {
			continue
		}
		r.state.RemoveReplacement(placed)
		if err := r.sim.RemovePod(placed); err != nil {
			return err
		}
		if r.moves[i].StandIn {
			if err := r.sim.AddPod(pod); err != nil {
				return err
			}
			continue
		}
		if r.state.Owners().ReplacedWhenGone(pod) {
			continue // it is replaced only when it is gone
		}
		if err := r.sim.AddPod(terminating(pod)); err != nil {
			return err
		}
	}
	return nil
}

// whileOthersHold places the replacement of a move, or says why that is no improvement. It
// returns the possible nodes. If there are none, the replacement waits.
func (r *run) whileOthersHold(ctx context.Context, m plan.Move) (strategy.Outcome, []string, error) {
	if r.placed[m.Object.UID] == nil {
		return strategy.Outcome{}, nil, nil
	}
	replacement := r.state.Replacement(m.Object)
	if m.StandIn {
		replacement = pinned(replacement, m.To)
	}
	decision, err := r.sim.Ask(ctx, replacement, simulation.Question{})
	switch {
	case err != nil:
		return strategy.Outcome{}, nil, err
	case decision.Node == "" && m.StandIn:
		return noRoomBeside(decision), nil, nil
	case decision.Node == "" && !r.state.Owners().ReplacedWhenGone(m.Object) && r.preempts(replacement):
		return wouldPreempt, nil, nil
	case decision.Node == "":
		return strategy.Outcome{}, nil, nil
	}
	s := &session{run: r, profile: m.Profile, strategy: m.Strategy}
	_, outcome := s.gain(strategy.Proposal{Pod: m.Object, Objective: m.Objective}, decision.Possible)
	if outcome.Rule != "" {
		return outcome, nil, nil
	}
	_, err = r.arrive(replacement, m.Object, decision.Drawn(m.Object.UID))
	return outcome, decision.Possible, err
}

// check proposes a group of moves again.
func (r *run) check(ctx context.Context, group []plan.Move, now map[types.UID]*corev1.Pod) error {
	s := &session{run: r, profile: group[0].Profile, strategy: group[0].Strategy}
	var proposals []strategy.Proposal
	for _, m := range group {
		pod := now[m.Pod.UID]
		if reason := outdated(pod, m); reason != "" {
			s.refuse(m.Object, strategy.Outcome{Rule: strategy.Outdated, Reason: reason})
			return nil
		}
		proposals = append(proposals, strategy.Proposal{Pod: pod, Reason: m.Reason, Objective: m.Objective})
	}
	var err error
	if len(proposals) == 2 {
		_, err = s.Swap(ctx, proposals[0], proposals[1])
	} else {
		_, err = s.Propose(ctx, proposals...)
	}
	return err
}

// outdated says how a move's pod has changed. It is empty if it has not.
func outdated(pod *corev1.Pod, m plan.Move) string {
	switch {
	case pod == nil:
		return "the pod is gone"
	case cluster.Leaving(pod):
		return "the pod is already leaving"
	case pod.Spec.NodeName != m.From:
		return "the pod is now on node " + pod.Spec.NodeName
	case !cluster.Holds(pod) && cluster.Holds(m.Object):
		return "the pod has finished"
	}
	return ""
}
