package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// NewRemovePodsViolatingNodeTaints returns the strategy that moves pods off nodes with taints
// NoSchedule or PreferNoSchedule that they do not tolerate. Its arguments are
// RemovePodsViolatingNodeTaintsArgs.
func NewRemovePodsViolatingNodeTaints(args policy.Args, _ strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.RemovePodsViolatingNodeTaintsArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, not %T", policy.RemovePodsViolatingNodeTaints, args, a)
	}
	selection, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.RemovePodsViolatingNodeTaints, err)
	}
	return &nodeTaints{
		selection: selection,
		objective: fewerTaints{soft: a.IncludePreferNoSchedule, included: sets.New(a.IncludedTaints...), excluded: sets.New(a.ExcludedTaints...)},
	}, nil
}

type nodeTaints struct {
	selection selection
	objective fewerTaints
}

// Deschedule implements strategy.Strategy. Pods that violate NoSchedule come before those that
// violate PreferNoSchedule.
func (s *nodeTaints) Deschedule(ctx context.Context, session strategy.Session) error {
	state := session.State()
	type intruder struct {
		misplaced
		hard, soft int
	}
	var intruders []intruder
	for _, pod := range s.selection.candidates(state) {
		node := state.Node(pod.Spec.NodeName).Node
		hard, soft := s.objective.count(pod, node)
		if hard+soft == 0 {
			continue
		}
		proposal := strategy.Proposal{Pod: pod, Reason: s.objective.reason(pod, node), Objective: s.objective}
		place := fmt.Sprintf("%d %d", hard, soft)
		intruders = append(intruders, intruder{misplaced{proposal, place}, hard, soft})
	}
	slices.SortStableFunc(intruders, func(a, b intruder) int {
		return cmp.Or(cmp.Compare(b.hard, a.hard), compareForEviction(a.Pod, b.Pod))
	})
	var pods []misplaced
	for _, i := range intruders {
		pods = append(pods, i.misplaced)
	}
	return newProposer(session).proposeAll(ctx, pods)
}

// fewerTaints is the objective of having fewer taints that are not tolerated.
type fewerTaints struct {
	// soft counts the taints PreferNoSchedule too.
	soft bool
	// included are the taints that count, as key or key=value; none means all.
	included, excluded sets.Set[string]
}

// Gain implements strategy.Objective: how many fewer such taints the node has. A node with an
// untolerated NoSchedule taint is no gain.
func (o fewerTaints) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	from, there := state.Node(pod.Spec.NodeName), state.Node(to)
	if from == nil || there == nil {
		return 0
	}
	hard, soft := o.count(state.Replacement(pod), there.Node)
	if hard > 0 {
		return 0
	}
	hardHere, softHere := o.count(pod, from.Node)
	if hardHere > 0 {
		return float64(hardHere + max(0, softHere-soft))
	}
	return float64(softHere - soft)
}

// Describe implements strategy.Objective.
func (fewerTaints) Describe(gain float64) string {
	return fewer(gain, "untolerated taint")
}

// count returns how many taints that count the pod does not tolerate.
func (o fewerTaints) count(pod *corev1.Pod, node *corev1.Node) (hard, soft int) {
	for _, taint := range o.untolerated(pod, node) {
		if taint.Effect == corev1.TaintEffectNoSchedule {
			hard++
		} else {
			soft++
		}
	}
	return hard, soft
}

func (o fewerTaints) untolerated(pod *corev1.Pod, node *corev1.Node) []*corev1.Taint {
	var taints []*corev1.Taint
	for i := range node.Spec.Taints {
		if taint := &node.Spec.Taints[i]; o.counts(taint) && !tolerates(pod.Spec.Tolerations, taint) {
			taints = append(taints, taint)
		}
	}
	return taints
}

// counts leaves out NoExecute: pods that do not tolerate it are evicted anyway.
func (o fewerTaints) counts(taint *corev1.Taint) bool {
	switch taint.Effect {
	case corev1.TaintEffectNoSchedule:
	case corev1.TaintEffectPreferNoSchedule:
		if !o.soft {
			return false
		}
	default:
		return false
	}
	in := func(names sets.Set[string]) bool {
		return names.Has(taint.Key) || taint.Value != "" && names.Has(taint.Key+"="+taint.Value)
	}
	return (len(o.included) == 0 || in(o.included)) && !in(o.excluded)
}

func (o fewerTaints) reason(pod *corev1.Pod, node *corev1.Node) string {
	taints := o.untolerated(pod, node)
	return fmt.Sprintf("node %s has taint %s, which the pod does not tolerate", node.Name, taints[0].ToString())
}
