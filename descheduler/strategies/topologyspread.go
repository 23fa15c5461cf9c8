package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// NewRemovePodsViolatingTopologySpreadConstraint returns the strategy that moves pods out of
// topology domains that have more of them than their constraints allow. Its arguments are
// RemovePodsViolatingTopologySpreadConstraintArgs. topologyBalanceNodeFit has no effect, because
// no pod is ever moved without a destination.
func NewRemovePodsViolatingTopologySpreadConstraint(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.RemovePodsViolatingTopologySpreadConstraintArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, not %T", policy.RemovePodsViolatingTopologySpreadConstraint, args, a)
	}
	selection, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.RemovePodsViolatingTopologySpreadConstraint, err)
	}
	return &topologySpread{
		selection: selection,
		hard:      slices.Contains(a.Constraints, corev1.DoNotSchedule),
		soft:      slices.Contains(a.Constraints, corev1.ScheduleAnyway),
		defaults:  env.SpreadDefaults,
	}, nil
}

type topologySpread struct {
	selection selection
	defaults  spreadDefaults
	// hard and soft are the constraints to enforce. Hard ones count in any case: none of
	// them gets worse.
	hard, soft bool
}

// Deschedule implements strategy.Strategy. Constraints with few domains come first, since
// moves between zones change which hosts pods are on, not the other way round.
func (s *topologySpread) Deschedule(ctx context.Context, session strategy.Session) error {
	for {
		moves, full, err := s.round(ctx, session)
		if err != nil || full || moves == 0 {
			return err
		}
	}
}

// round counts the pods, and moves pods until it finds nothing more. It is repeated as long as it
// moves something, because pods that are alike are given up together after a few refusals.
func (s *topologySpread) round(ctx context.Context, session strategy.Session) (moves int, full bool, err error) {
	r := &spreadRun{selection: s.selection, proposer: newProposer(session)}
	r.book, r.index, r.own = s.read(session.State())
	defer r.book.close()
	err = inPasses(r.proposer, s.violated(r.book), func(t *spreadTally) (bool, error) { return r.spread(ctx, t) })
	return r.moves, r.full, err
}

// read counts the pods of the relevant constraints, and returns the constraints of each pod.
func (s *topologySpread) read(state *strategy.State) (*spreadBook, *podIndex, map[*corev1.Pod][]*spreadConstraint) {
	reader := newSpreadReader(s.defaults)
	own := map[*corev1.Pod][]*spreadConstraint{}
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if pod.DeletionTimestamp != nil {
				continue
			}
			if constraints := reader.of(pod, s.soft); len(constraints) > 0 {
				own[pod] = constraints
			}
		}
	}
	book := &spreadBook{state: state, tallies: map[*spreadConstraint]*spreadTally{}, byNamespace: map[string][]*spreadConstraint{}}
	index := newPodIndex(state)
	var constraints []*spreadConstraint
	for _, c := range reader.constraints {
		if c.hard || s.soft {
			constraints = append(constraints, c)
		}
	}
	slices.SortFunc(constraints, func(a, b *spreadConstraint) int {
		return cmp.Or(cmp.Compare(a.domains.id, b.domains.id), cmp.Compare(a.id, b.id))
	})
	layout := &spreadLayout{}
	for _, c := range constraints {
		layout.be(c.domains, state)
		t := &spreadTally{spreadConstraint: c, number: layout.number, pods: map[string]int{}}
		for _, pod := range index.matching(c.namespace, c.selector) {
			if domain, counts := layout.of[pod.Spec.NodeName]; counts {
				t.add(domain, 1)
			}
		}
		book.tallies[c] = t
		book.byNamespace[c.namespace] = append(book.byNamespace[c.namespace], c)
	}
	return book, index, own
}

// violated returns the constraints to enforce that are violated.
func (s *topologySpread) violated(book *spreadBook) []*spreadTally {
	var violated []*spreadTally
	for c, t := range book.tallies {
		if (c.hard && s.hard || !c.hard && s.soft) && t.violation(spreadOutside, spreadOutside) > 0 {
			violated = append(violated, t)
		}
	}
	slices.SortFunc(violated, func(a, b *spreadTally) int {
		return cmp.Or(compareBools(!a.hard, !b.hard), cmp.Compare(a.number, b.number), cmp.Compare(a.id, b.id))
	})
	return violated
}
