// Package scan lets plugins tell CandidateNodes how they evaluate nodes, so that it can find
// the best node without evaluating each one.
//
// Nodes are distinguished by their state: allocatable and requested resources, taints, and
// the labels that a plugin uses. Plugins are asked once for all nodes with the same taints
// and labels, or the same state, and individually for exceptions.
package scan

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Node is a node of the snapshot, with the slot that the feed of changes gave it.
type Node struct {
	Slot int
	Info fwk.NodeInfo
	// Empty is the result of the function Empty.
	Empty bool
}

// Group is a set of equal nodes, represented by one of them.
type Group struct {
	Node
	Count int
}

// Part is one plugin's evaluation of nodes for one pod. The zero Part evaluates nothing.
// Unless its scorer is Remembered, it depends only on the taints and labels of nodes, except
// for exceptions.
type Part struct {
	// Labels are the keys of the labels that it depends on. For the hostname, it depends on
	// whether the node has one; only exceptions may depend on its value.
	Labels []string
	// Exceptions calls its argument for the slot of each node that it may evaluate
	// differently than other nodes with the same taints and labels. Nil if there are none.
	Exceptions func(func(slot int))
	// Admits reports whether a node fits the pod. Nil if the plugin does not filter.
	Admits func(Node) bool
	// Scorer scores the nodes that fit the pod. Nil if the plugin does not score the pod.
	Scorer Scorer
}

// Scorer scores nodes as its plugin does.
type Scorer interface {
	// Prepare is called like PreScore with all nodes that fit the pod.
	Prepare(groups []Group)
	// Score returns the score of a node before it is normalized.
	Score(node Node) int64
	// Normalize scales the scores of the groups, in the order of Prepare, to 0..MaxScore like
	// NormalizeScore.
	Normalize(groups []Group, scores []int64)
}

// Remembered is a Scorer whose raw scores depend only on the state of the node and on the
// pod's requests, tolerations and node affinity: they are reused as long as the version is
// the same. Its Prepare does nothing, and Normalize does not use the groups.
type Remembered interface {
	Scorer
	Version() int64
}

// state is a Part in a CycleState.
type state struct {
	Part
}

// Clone returns the state itself, which is not modified.
func (s *state) Clone() fwk.StateData {
	return s
}

func key(plugin string) fwk.StateKey {
	return fwk.StateKey("stowage.dev/scan/" + plugin)
}

// Write stores the plugin's part for CandidateNodes. It is called in PreFilter, and
// CandidateNodes must come after the plugin.
func Write(cycleState fwk.CycleState, plugin string, part Part) {
	cycleState.Write(key(plugin), &state{part})
}

// Read returns the plugin's part, and whether it stored one.
func Read(cycleState fwk.CycleState, plugin string) (Part, bool) {
	data, err := cycleState.Read(key(plugin))
	if err != nil {
		return Part{}, false
	}
	s, ok := data.(*state)
	if !ok {
		return Part{}, false
	}
	return s.Part, true
}

// Delete removes the plugin's part.
func Delete(cycleState fwk.CycleState, plugin string) {
	cycleState.Delete(key(plugin))
}

// OfGroup reports whether the engine is placing a pod group: then it adds members to the
// snapshot without changing the generations of nodes.
func OfGroup(pod *corev1.Pod) bool {
	return pod.Spec.SchedulingGroup != nil
}

// Empty reports whether the node has no pods except those of DaemonSets and static pods.
func Empty(node fwk.NodeInfo) bool {
	for _, pod := range node.GetPods() {
		if p := pod.GetPod(); !cluster.OfDaemonSet(p) && !cluster.ControlledBy(p, cluster.NodeKind) {
			return false
		}
	}
	return true
}
