package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// lowObjective gains the percentage points by which a move reduces its node's overshoot.
// Unknown nodes, nodes that would end above the target, and the pod's own node gain nothing.
type lowObjective struct {
	scale  *utilizationScale
	target points
}

// Gain implements strategy.Objective.
func (o *lowObjective) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	from := state.Node(pod.Spec.NodeName)
	if from == nil || to == from.Name || o.excessWith(state, pod, to) != 0 {
		return 0
	}
	without, known := o.scale.heat(state, from)
	if !known {
		return 0
	}
	with := without.plus(o.scale.pod(state, pod, from), 1)
	return with.over(o.target).total() - without.over(o.target).total()
}

// excessWith returns the overshoot of a node with the pod's replacement on it, or a negative
// number if it is unknown.
func (o *lowObjective) excessWith(state *strategy.State, pod *corev1.Pod, name string) float64 {
	node := state.Node(name)
	if node == nil {
		return -1
	}
	used, known := o.scale.taken(state, node)
	if !known {
		return -1
	}
	return used.plus(o.scale.replacement(state, pod, node), 1).over(o.target).total()
}

// Describe implements strategy.Objective.
func (o *lowObjective) Describe(gain float64) string {
	return fmt.Sprintf("%s overshoot down %s", o.scale.nameList("and"), percentagePoints(gain))
}

// lowReturn is the objective of the pod that makes room in a swap. It may go to the
// overutilized node, if both moves together reduce the overshoot of that node, or to any node
// that does not end above the target.
type lowReturn struct {
	lowObjective
	hot string
	// before is the overshoot of the overutilized node before the swap.
	before float64
}

// Gain implements strategy.Objective.
func (o *lowReturn) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	hot := state.Node(o.hot)
	if hot == nil || to == pod.Spec.NodeName || to != o.hot && o.excessWith(state, pod, to) != 0 {
		return 0
	}
	ends, known := o.scale.heat(state, hot)
	if !known {
		return 0
	}
	if to == o.hot {
		ends = ends.plus(o.scale.replacement(state, pod, hot), 1)
	}
	return o.before - ends.over(o.target).total()
}

// Describe implements strategy.Objective.
func (o *lowReturn) Describe(gain float64) string {
	return fmt.Sprintf("makes room: the swap brings the %s overshoot of node %s down %s", o.scale.nameList("and"), o.hot, percentagePoints(gain))
}
