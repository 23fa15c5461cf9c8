package planner

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Check plans moves anew on a later picture: it returns those that are still justified,
// with where they would go now, and why the others are not. Moves that make room for each
// other stay or fall together.
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
	return r.moves, r.refused.except(r.moved), nil
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

// outdated says what has become of a move's pod: nothing, if it is as it was.
func outdated(pod *corev1.Pod, m plan.Move) string {
	switch {
	case pod == nil:
		return "the pod is gone"
	case pod.DeletionTimestamp != nil:
		return "the pod is on its way out"
	case pod.Spec.NodeName != m.From:
		return fmt.Sprintf("the pod is on node %s now", pod.Spec.NodeName)
	case !cluster.Holds(pod) && cluster.Holds(m.Object):
		return "the pod has come to its end"
	}
	return ""
}
