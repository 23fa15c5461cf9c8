package strategies

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// restoreFault is how wrong a place is for a replica: the sum of what is wrong with it.
type restoreFault int

const (
	// restoreUnloved: the replica prefers a preemptible node.
	restoreUnloved restoreFault = 1
	// restoreRuledOut: its policy forbids the node, or its workload's limit is exceeded.
	restoreRuledOut restoreFault = 2
	// restoreLeaving: the node is about to be removed. It outweighs everything else.
	restoreLeaving restoreFault = 4
)

// restoreFaultOf returns how wrong a node is for a replica, with so many others of its
// workload on preemptible nodes. Every move lowers the fault of the replica that moves,
// and none raises it again, so what one reason moves, no other moves back.
func restoreFaultOf(want strategy.PreemptibleWant, others int, preemptible, notified bool) restoreFault {
	var fault restoreFault
	if notified {
		fault += restoreLeaving
	}
	switch {
	case preemptible && others >= want.Max, !preemptible && want.Mode == strategy.PreemptibleRequire:
		fault += restoreRuledOut
	case !preemptible && want.Mode == strategy.PreemptiblePrefer && others < want.Max:
		fault += restoreUnloved
	}
	return fault
}

// restoreObjective gains what is less wrong with a place than with the one before.
type restoreObjective struct {
	// replicas count those of a workload while the strategy runs.
	replicas    *restoreReplicas
	preemptible strategy.Preemptible
	// settling takes only places with which nothing is wrong.
	settling bool
}

var _ strategy.Objective = &restoreObjective{}

// Gain implements strategy.Objective.
func (o *restoreObjective) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	source, target, workload := state.Node(pod.Spec.NodeName), state.Node(to), state.Workload(pod)
	if source == nil || target == nil || workload == nil {
		return 0
	}
	want, others, err := o.count(state, workload, pod)
	if err != nil {
		return 0 // somebody has made the annotations worse since
	}
	faultOn := func(node *strategy.Node) restoreFault {
		preemptible, notified := o.preemptible.Node(pod.Spec.SchedulerName, node.Node)
		return restoreFaultOf(want, others, preemptible, notified)
	}
	before, after := faultOn(source), faultOn(target)
	if o.settling && after > 0 {
		return 0
	}
	return float64(before - after)
}

// count returns what the pod wants, and how many other replicas are on preemptible nodes.
func (o *restoreObjective) count(state *strategy.State, workload *strategy.Workload, pod *corev1.Pod) (strategy.PreemptibleWant, int, error) {
	if w := o.replicas.of(state, pod); w != nil {
		return w.wants[pod.UID], o.replicas.others(w, pod), nil
	}
	others := restorePodsOf(state, workload)
	want, err := o.preemptible.Want(pod, restoreDesired(workload, len(others)+1))
	if err != nil {
		return strategy.PreemptibleWant{}, 0, err
	}
	return want, restoreOnPreemptible(state, o.preemptible, pod.Spec.SchedulerName, others), nil
}

// Describe implements strategy.Objective.
func (o *restoreObjective) Describe(gain float64) string {
	switch {
	case gain > float64(restoreRuledOut):
		return "leaves a node that is about to be removed"
	case gain > float64(restoreUnloved):
		return "on a node that its policy allows"
	}
	return "on a preemptible node, which it prefers"
}
