package strategies

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// highNodeUtilization drains nodes that are within all thresholds into fuller ones. It is useful
// if the scheduler packs pods instead of spreading them. It drains all pods of a node that the
// arguments select, or none.
type highNodeUtilization struct {
	args *policy.HighNodeUtilizationArgs
	now  time.Time
}

// NewHighNodeUtilization returns the strategy.
func NewHighNodeUtilization(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.HighNodeUtilizationArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, want %T", policy.HighNodeUtilization, args, a)
	}
	return &highNodeUtilization{args: a, now: env.Now}, nil
}

// Deschedule implements strategy.Strategy.
func (h *highNodeUtilization) Deschedule(ctx context.Context, session strategy.Session) error {
	scale := newUtilizationScale(session.State(), h.args.Thresholds)
	limits := scale.limits(h.args.Thresholds)
	view := newUtilizationView(session.State(), scale)
	var low []*strategy.Node
	for _, node := range view.known {
		if node.heat.within(limits) {
			low = append(low, node.Node)
		}
	}
	klog.FromContext(ctx).V(1).Info("Classified nodes", "strategy", policy.HighNodeUtilization, "nodes", len(view.known), "underutilized", len(low))
	idle := ""
	switch {
	case len(view.known) == 0:
		idle = view.none()
	case uint(len(low)) <= h.args.NumberOfNodes:
		idle = view.told(view.few(len(low), 0, h.args.NumberOfNodes))
	case len(low) == len(view.known):
		idle = view.told(view.every("underutilized") + ", so none is drained" + highPacking(view.known))
	}
	if idle != "" {
		session.Idle(idle)
		return nil
	}
	view.begin(session)
	drain := &utilizationDrain{
		session: session, view: view, now: h.now, most: -1,
		goes:  h.goes(scale),
		stays: func(pod *corev1.Pod) bool { return h.excludes(pod.Namespace) },
		objective: func(node *strategy.Node, leaving map[string]bool) strategy.Objective {
			heat, _ := scale.heat(session.State(), node)
			return &highObjective{consolidateObjective: consolidateObjective{leaving: leaving}, scale: scale, limits: limits, from: node, was: heat}
		},
		reason: func(node *strategy.Node) string {
			heat, _ := scale.heat(session.State(), node)
			return fmt.Sprintf("node %s is underutilized: it is at %s", node.Name, scale.describe(node, heat, limits, "within"))
		},
	}
	return drain.run(ctx, low)
}

// highPacking names the alternative if all nodes are underutilized. It is empty if only one of
// them is in use, or none accepts pods.
func highPacking(nodes []utilizationNode) string {
	var used []utilizationNode
	takes, alike := 0, true
	for _, node := range nodes {
		if !node.InUse() {
			continue
		}
		if used = append(used, node); utilizationTakes(node.Node) {
			takes++
		}
		alike = alike && node.heat.within(used[0].heat) && used[0].heat.within(node.heat)
	}
	switch {
	case len(used) < 2 || takes == 0:
		return ""
	case alike && takes == len(used):
		return ": Consolidate packs such nodes if one of them is cordoned, because they are equally full"
	}
	return ": Consolidate packs such nodes"
}

func (h *highNodeUtilization) excludes(namespace string) bool {
	return h.args.EvictableNamespaces != nil && slices.Contains(h.args.EvictableNamespaces.Exclude, namespace)
}

// goes returns which pods must leave a node: all, or those that request a resource with a
// threshold.
func (h *highNodeUtilization) goes(scale *utilizationScale) func(*corev1.Pod) bool {
	if !slices.Contains(h.args.EvictionModes, policy.OnlyThresholdingResources) {
		return func(*corev1.Pod) bool { return true }
	}
	return func(pod *corev1.Pod) bool {
		requests := cluster.Requests(pod)
		return slices.ContainsFunc(scale.names, func(name corev1.ResourceName) bool { return requests[name] > 0 })
	}
}

// highObjective accepts nodes in use that are not underutilized, and nodes that are at least as
// full as the drained one was. It gains the percentage points by which they end fuller, of the
// resource with the largest difference. It compares only resources that both nodes offer, and
// ignores rounding errors.
type highObjective struct {
	consolidateObjective

	scale  *utilizationScale
	limits points
	// from is the drained node, was its utilization before.
	from *strategy.Node
	was  points
}

// Gain implements strategy.Objective.
func (o *highObjective) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	if o.consolidateObjective.Gain(state, pod, to) <= 0 {
		return 0
	}
	node := state.Node(to)
	heat, _ := o.scale.heat(state, node)
	with := heat.plus(o.scale.replacement(state, pod, node), 1)
	fuller, gain := 0.0, utilizationSlack
	for i, name := range o.scale.names {
		if utilizationWhole(node, name) > 0 && utilizationWhole(o.from, name) > 0 {
			fuller += heat[i] - o.was[i]
			gain = max(gain, with[i]-o.was[i])
		}
	}
	if gain == utilizationSlack || heat.within(o.limits) && fuller < -utilizationSlack {
		return 0
	}
	return gain
}

// Describe implements strategy.Objective.
func (o *highObjective) Describe(gain float64) string {
	return fmt.Sprintf("its node is drained, and the new node's %s ends %s above that of the old one", o.scale.nameList("or"), percentagePoints(gain))
}
