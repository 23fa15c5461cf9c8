package strategies

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// lowNodeUtilization moves pods from nodes above a target to nodes that stay within it. The gain
// of a move is by how much it reduces the node's overshoot: the percentage points above the
// target, summed over the resources. As its destination must not end above the target, the
// overshoot of all nodes together only decreases. The destination need not be underutilized:
// thresholds only say when to act at all.
type lowNodeUtilization struct {
	args *policy.LowNodeUtilizationArgs
	env  strategy.Env
}

// NewLowNodeUtilization returns the strategy. It fails if the arguments require actual usage and
// the policy has no metrics provider.
func NewLowNodeUtilization(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.LowNodeUtilizationArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, want %T", policy.LowNodeUtilization, args, a)
	}
	if a.MetricsUtilization != nil && env.Usage == nil {
		return nil, fmt.Errorf("%s: metricsUtilization requires a source of actual usage in the policy's metricsProviders", policy.LowNodeUtilization)
	}
	return &lowNodeUtilization{args: a, env: env}, nil
}

// Deschedule implements strategy.Strategy. It repeats passes until one finds nothing, because a
// move can make room for a pod that was refused before. A second run then has nothing to do.
func (l *lowNodeUtilization) Deschedule(ctx context.Context, session strategy.Session) error {
	r, err := l.start(ctx, session)
	if err != nil || r == nil {
		return err
	}
	for {
		before := r.moves
		if err := r.pass(ctx); err != nil || r.moves == before || r.full {
			return err
		}
	}
}

// start measures the nodes. It returns nil if there is nothing to do.
func (l *lowNodeUtilization) start(ctx context.Context, session strategy.Session) (*lowRun, error) {
	logger := klog.FromContext(ctx).WithValues("strategy", policy.LowNodeUtilization)
	scale, err := l.scale(ctx, session.State())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.LowNodeUtilization, err)
	}
	view := newUtilizationView(session.State(), scale)
	if len(view.unknown) > 0 {
		logger.Info("Nodes are skipped because their usage is unknown", "nodes", len(view.unknown), "first", view.unknown[0])
	}
	if len(view.known) == 0 && len(view.unknown) > 0 {
		return nil, fmt.Errorf("%s: the metrics source has no usage of any ready node, such as node %s: check that its node names are those of the cluster",
			policy.LowNodeUtilization, view.unknown[0])
	}
	low, target := l.limits(scale, view.known)
	count := lowCounts{}
	for _, node := range view.known {
		taken, _ := scale.taken(session.State(), node.Node)
		count.add(node, taken, low, target)
	}
	logger.V(1).Info("Classified nodes", "nodes", len(view.known), "underutilized", count.under, "overutilized", count.over)
	if idle := count.idle(view, l.args.NumberOfNodes); idle != "" {
		session.Idle(idle)
		return nil, nil
	}
	view.begin(session)
	return newLowRun(session, scale, target, l.args), nil
}

// lowCounts are numbers of nodes.
type lowCounts struct {
	// under and over are under- and overutilized. spared would be underutilized, but are
	// cordoned. easing would be overutilized, but have pods that are leaving.
	under, over, spared, easing int
	cordoned                    int
}

func (c *lowCounts) add(node utilizationNode, taken, low, target points) {
	if node.Spec.Unschedulable {
		c.cordoned++
	}
	switch {
	case !node.heat.within(target):
		c.over++
	case !taken.within(target):
		c.easing++
	case taken.within(low) && node.Spec.Unschedulable:
		c.spared++
	case taken.within(low):
		c.under++
	}
}

// idle says why there is nothing to do. It is empty if there is something.
func (c *lowCounts) idle(view *utilizationView, numberOfNodes uint) string {
	switch {
	case len(view.known) == 0:
		return view.none()
	case c.over == 0 && c.easing > 0:
		return view.told(view.no("overutilized") + ", because terminating pods do not count")
	case c.over == 0:
		return view.told(view.no("overutilized"))
	case c.cordoned == len(view.known):
		return view.told("no node can take a pod: all are cordoned")
	case uint(c.under) <= numberOfNodes:
		return view.told(view.few(c.under, c.spared, numberOfNodes))
	}
	return ""
}

func (l *lowNodeUtilization) scale(ctx context.Context, state *strategy.State) (*utilizationScale, error) {
	scale := newUtilizationScale(state, l.args.TargetThresholds)
	if l.args.MetricsUtilization == nil {
		return scale, nil
	}
	source, err := l.env.Usage(ctx, l.args.MetricsUtilization)
	if err != nil {
		return nil, fmt.Errorf("reading actual usage: %w", err)
	}
	if source == nil {
		return nil, errors.New("reading actual usage: the source returned nothing")
	}
	scale.actual = newUtilizationActual(state, scale.names, source)
	return scale, nil
}

// limits returns the limits for underutilized and for overutilized nodes, both from 0 to 100.
// Deviations are relative to the current mean, for the whole plan.
func (l *lowNodeUtilization) limits(scale *utilizationScale, nodes []utilizationNode) (low, target points) {
	low, target = scale.limits(l.args.Thresholds), scale.limits(l.args.TargetThresholds)
	if !l.args.UseDeviationThresholds {
		return low, target
	}
	mean := utilizationMean(nodes, scale)
	for i := range mean {
		low[i] = max(0, mean[i]-low[i])
		target[i] = min(100, mean[i]+target[i])
	}
	return low, target
}
