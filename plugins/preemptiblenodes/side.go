package preemptiblenodes

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// side is what a pod's policy comes to for this one pod, before a node is looked for.
type side string

const (
	// anywhere: it may be on either kind of node, as far as hard limits go.
	anywhere side = "Any"
	// onDemandOnly: it has to keep off preemptible nodes.
	onDemandOnly side = "OnDemand"
	// preferablyPreemptible: it may be on either kind, and would rather be on preemptible ones.
	preferablyPreemptible side = "PreferPreemptible"
	// preemptibleOnly: it may be on no others.
	preemptibleOnly side = "Preemptible"
)

// sideOf returns the side that a new pod gets. Of a workload with a limit, only as many replicas
// may go anywhere as are allowed on preemptible nodes; the others keep off these, wherever the
// first ones are by now. So whoever moves replicas by what their specs say, as autoscalers do,
// cannot break the limit. Replicas that have not been told count as free to go anywhere.
// The error says what the cache lacks, or is wrong.
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

// confine returns the affinity that keeps the pod to its side; the pod's own, where that has no
// room for it, or need not be changed.
func (pl *PreemptibleNodes) confine(pod *corev1.Pod, to side) *corev1.Affinity {
	nodes := pl.options.Nodes
	switch {
	case to == onDemandOnly && !nodes.KeepsOff(&pod.Spec) && !nodes.Confines(&pod.Spec):
		// One that its selector confines to preemptible nodes waits; the plugin says for what.
		return nodes.Exclude(pod.Spec.Affinity)
	case to == preferablyPreemptible:
		return nodes.Favor(pod.Spec.Affinity)
	case to == preemptibleOnly && !nodes.Confines(&pod.Spec):
		// Where there are terms already, the plugin alone keeps it to its side.
		affinity, _ := nodes.Confine(pod.Spec.Affinity)
		return affinity
	}
	return pod.Spec.Affinity
}
