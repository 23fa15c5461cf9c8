package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// NewRemovePodsViolatingNodeAffinity returns the strategy that moves pods off nodes that no
// longer match their node affinity or node selector, and to nodes that they prefer.
// Its arguments are RemovePodsViolatingNodeAffinityArgs.
func NewRemovePodsViolatingNodeAffinity(args policy.Args, _ strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.RemovePodsViolatingNodeAffinityArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, not %T", policy.RemovePodsViolatingNodeAffinity, args, a)
	}
	selection, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.RemovePodsViolatingNodeAffinity, err)
	}
	return &nodeAffinity{
		selection: selection,
		required:  slices.Contains(a.NodeAffinityType, policy.RequiredNodeAffinity),
		preferred: slices.Contains(a.NodeAffinityType, policy.PreferredNodeAffinity),
	}, nil
}

type nodeAffinity struct {
	selection           selection
	required, preferred bool
}

// Deschedule implements strategy.Strategy. Pods on nodes that do not match are first, then those
// with the largest gain.
func (s *nodeAffinity) Deschedule(ctx context.Context, session strategy.Session) error {
	state := session.State()
	p := newProposer(session)
	if s.required {
		if err := p.proposeAll(ctx, s.violating(state)); err != nil {
			return err
		}
	}
	if s.preferred {
		return p.proposeAll(ctx, s.disliking(state))
	}
	return nil
}

func (s *nodeAffinity) violating(state *strategy.State) []misplaced {
	var pods []misplaced
	for _, pod := range s.selection.candidates(state) {
		if allowed(pod, state.Node(pod.Spec.NodeName).Node) {
			continue
		}
		reason := fmt.Sprintf("node %s no longer matches the pod's required node affinity or node selector", pod.Spec.NodeName)
		pods = append(pods, misplaced{Proposal: strategy.Proposal{Pod: pod, Reason: reason, Objective: allowedNode{}}})
	}
	slices.SortStableFunc(pods, func(a, b misplaced) int { return compareForEviction(a.Pod, b.Pod) })
	return pods
}

// disliking returns the pods that prefer other nodes, and could run there.
func (s *nodeAffinity) disliking(state *strategy.State) []misplaced {
	type disliking struct {
		misplaced
		gain int64
	}
	var found []disliking
	best := &bestWeights{eligible: newEligibleNodes(state), of: map[string]int64{}}
	for _, pod := range s.selection.candidates(state) {
		weights := weightsOf(pod)
		if weights == nil {
			continue
		}
		node := state.Node(pod.Spec.NodeName).Node
		here, there := weights.Score(node), best.weight(pod, weights)
		if !allowed(pod, node) || there <= here {
			continue
		}
		proposal := strategy.Proposal{
			Pod: pod, Objective: preferredNode{},
			Reason: fmt.Sprintf("the pod prefers other nodes to %s: preferred node affinity weight %d instead of %d", node.Name, there, here),
		}
		found = append(found, disliking{misplaced{proposal, fmt.Sprint(here)}, there - here})
	}
	slices.SortStableFunc(found, func(a, b disliking) int {
		return cmp.Or(
			compareBools(evictable.PrefersNoEviction(a.Pod), evictable.PrefersNoEviction(b.Pod)),
			cmp.Compare(b.gain, a.gain), compareForEviction(a.Pod, b.Pod),
		)
	})
	var pods []misplaced
	for _, d := range found {
		pods = append(pods, d.misplaced)
	}
	return pods
}
