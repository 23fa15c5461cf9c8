package strategies

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// consolidate empties whole nodes that are below all thresholds, so that an autoscaler
// can remove them. Pods move to nodes that are in use and remain so.
type consolidate struct {
	args *policy.ConsolidateArgs
	now  time.Time
}

// NewConsolidate returns the strategy.
func NewConsolidate(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.ConsolidateArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, want %T", policy.Consolidate, args, a)
	}
	return &consolidate{args: a, now: env.Now}, nil
}

// Deschedule implements strategy.Strategy.
func (c *consolidate) Deschedule(ctx context.Context, session strategy.Session) error {
	scale := newUtilizationScale(session.State(), c.args.Thresholds)
	limits := scale.limits(c.args.Thresholds)
	var low []*strategy.Node
	view := newUtilizationView(session.State(), scale)
	for _, node := range view.known {
		if node.heat.within(limits) {
			low = append(low, node.Node)
		}
	}
	switch {
	case len(view.known) == 0:
		session.Idle(view.none())
		return nil
	case len(low) == 0:
		session.Idle(view.told(view.few(0, 0, 0)))
		return nil
	}
	view.begin(session)
	drain := &utilizationDrain{
		session: session, view: view, now: c.now, most: -1,
		goes:  func(*corev1.Pod) bool { return true },
		stays: func(*corev1.Pod) bool { return false },
		objective: func(_ *strategy.Node, leaving map[string]bool) strategy.Objective {
			return consolidateObjective{leaving: leaving}
		},
		reason: func(node *strategy.Node) string {
			heat, _ := scale.heat(session.State(), node)
			return fmt.Sprintf("node %s can be emptied: it is at %s", node.Name, scale.describe(node, heat, limits, "within"))
		},
	}
	if c.args.MaxNodes != nil {
		drain.most = int(*c.args.MaxNodes)
	}
	return drain.run(ctx, low)
}

// consolidateObjective accepts every node that is in use and that the plan does not empty.
type consolidateObjective struct{ leaving map[string]bool }

// Gain implements strategy.Objective.
func (o consolidateObjective) Gain(state *strategy.State, _ *corev1.Pod, to string) float64 {
	node := state.Node(to)
	if node == nil || o.leaving[to] || !node.InUse() {
		return 0
	}
	return 1
}

// Describe implements strategy.Objective.
func (consolidateObjective) Describe(float64) string {
	return "its node becomes empty, and the new node is in use anyway"
}
