// Package scan is how plugins tell CandidateNodes what they think of nodes, so that
// it can find the best node without asking about each of them.
//
// What tells one node from another is its state: what it has and what is requested
// there, its taints, and its labels as far as a plugin goes by them. Plugins are
// asked about one node for all that are alike, in their taints and labels or in all of
// the state, and about exceptions by themselves.
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
	// Empty is what Empty says of it.
	Empty bool
}

// Group is a number of nodes that are alike, by one of them.
type Group struct {
	Node
	Count int
}

// Part is what one plugin has to say about the nodes for one pod. The zero Part has
// nothing to say. Unless its scorer is one that is remembered, it goes by the taints and
// labels of nodes alone, but for exceptions.
type Part struct {
	// Labels are the keys of the labels that it goes by. Of the hostname it goes by
	// whether a node has one, and by its value for exceptions alone.
	Labels []string
	// Exceptions calls its argument for each slot whose node it may think different of
	// than of others with the same taints and labels. Nil if there are none.
	Exceptions func(func(slot int))
	// Admits says whether a node takes the pod. Nil if it is for others to say.
	Admits func(Node) bool
	// Scorer scores the nodes that take the pod. Nil if it does not matter to it.
	Scorer Scorer
}

// Scorer scores nodes as its plugin does.
type Scorer interface {
	// Prepare is PreScore: it is told of all nodes that take the pod.
	Prepare(groups []Group)
	// Score returns the score of a node before it is normalized.
	Score(node Node) int64
	// Normalize brings the scores of the groups, in the order of Prepare, into
	// 0..MaxScore as NormalizeScore does.
	Normalize(groups []Group, scores []int64)
}

// Remembered is a Scorer whose scores, before they are normalized, depend on nothing
// but the state of the node and, of the pod, on what it requests, its tolerations and
// its node affinity: as long as the version is the same, they need not be asked again.
// It prepares nothing, and needs no groups to normalize.
type Remembered interface {
	Scorer
	Version() int64
}

// state is a Part in a CycleState.
type state struct {
	Part
}

// Clone returns the state itself: nothing changes it.
func (s *state) Clone() fwk.StateData {
	return s
}

func key(plugin string) fwk.StateKey {
	return fwk.StateKey("stowage.dev/scan/" + plugin)
}

// Write leaves what the plugin has to say for CandidateNodes. It is for PreFilter,
// and takes that CandidateNodes comes after the plugin.
func Write(cycleState fwk.CycleState, plugin string, part Part) {
	cycleState.Write(key(plugin), &state{part})
}

// Read returns what the plugin has to say, and whether it has left anything.
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

// Delete removes what the plugin has to say.
func Delete(cycleState fwk.CycleState, plugin string) {
	cycleState.Delete(key(plugin))
}

// OfGroup says whether the engine is placing a pod group: it adds members to the
// snapshot then, and leaves the generations of nodes as they were.
func OfGroup(pod *corev1.Pod) bool {
	return pod.Spec.SchedulingGroup != nil
}

// Empty says whether nothing is on the node but what every node has: pods of
// DaemonSets, and those that come from the node itself.
func Empty(node fwk.NodeInfo) bool {
	for _, pod := range node.GetPods() {
		if p := pod.GetPod(); !cluster.OfDaemonSet(p) && !cluster.ControlledBy(p, cluster.NodeKind) {
			return false
		}
	}
	return true
}
