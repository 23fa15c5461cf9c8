package preemptiblenodes

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// side is the result of a policy for one pod, determined before it is scheduled.
type side string

const (
	// anywhere: it may use both kinds of nodes, as far as hard limits are concerned.
	anywhere side = "Any"
	// onDemandOnly: it must avoid preemptible nodes.
	onDemandOnly side = "OnDemand"
	// preferablyPreemptible: it may use both kinds, and prefers preemptible nodes.
	preferablyPreemptible side = "PreferPreemptible"
	// preemptibleOnly: it must use preemptible nodes.
	preemptibleOnly side = "Preemptible"
)

// sideOf returns the side of a new pod. In a workload with a limit, only as many replicas may
// go anywhere as are allowed on preemptible nodes. The others must avoid them, wherever the
// first ones run by now. So autoscalers, which move replicas according to their specs, cannot
// violate the limit. Replicas without a side count as free to go anywhere. The error is about
// a missing or invalid object in the cache.
func (pl *PreemptibleNodes) sideOf(pod *corev1.Pod, siblings *siblings) (side, error) {
	policy, err := pl.options.PolicyOf(pod, pl.namespaces)
	if err != nil {
		return "", err
	}
	if policy.HardMode {
		switch policy.Mode {
		case preemptible.Never:
			return onDemandOnly, nil
		case preemptible.Require:
			return preemptibleOnly, nil
		}
	}
	workload, err := pl.workloads.of(pod)
	if err != nil {
		return "", err
	}
	others, free, err := siblings.of(workload.controllers, pl.options.Nodes, pod.UID)
	if err != nil {
		return "", err
	}
	desired := workload.desired
	if desired == unknownReplicas {
		desired = others + 1
	}
	if hard, _ := policy.Caps(desired); free >= hard {
		return onDemandOnly, nil
	}
	if policy.Mode == preemptible.Prefer {
		return preferablyPreemptible, nil
	}
	return anywhere, nil
}

// confine returns the affinity that restricts the pod to its side, or the pod's own affinity
// if it cannot or need not be changed.
func (pl *PreemptibleNodes) confine(pod *corev1.Pod, to side) *corev1.Affinity {
	nodes := pl.options.Nodes
	switch {
	case to == onDemandOnly && !nodes.KeepsOff(&pod.Spec) && !nodes.Confines(&pod.Spec):
		// A pod whose selector requires preemptible nodes waits; the plugin reports why.
		return nodes.Exclude(pod.Spec.Affinity)
	case to == preferablyPreemptible:
		return nodes.Favor(pod.Spec.Affinity)
	case to == preemptibleOnly && !nodes.Confines(&pod.Spec):
		// If there are terms already, only the plugin enforces its side.
		affinity, _ := nodes.Confine(pod.Spec.Affinity)
		return affinity
	}
	return pod.Spec.Affinity
}
