package indexed

import (
	fwk "k8s.io/kube-scheduler/framework"
)

// filterState is what PreFilter has found out, and what has been thought of since.
type filterState struct {
	// filter are the counts' answers; nil, if all nodes may take the pod.
	filter Filter
	// upstream returns what the engine's plugin finds out. Clones share the answer,
	// which nobody changes.
	upstream func() (fwk.CycleState, *fwk.Status)
	// own is the state of the engine's plugin with the pods that were added and removed
	// in thought; nil as long as there are none. If it is there, it counts.
	own fwk.CycleState
}

// Clone returns a copy: preemption adds pods to it and removes others, for many nodes
// at a time.
func (s *filterState) Clone() fwk.StateData {
	c := *s
	if s.own != nil {
		c.own = s.own.Clone()
	}
	return &c
}

// scoreState is what PreScore has found out.
type scoreState struct {
	scorer Scorer
	// own is the state of the engine's plugin, where that one is asked instead.
	own fwk.CycleState
}

// Clone returns the state itself: nothing changes it.
func (s *scoreState) Clone() fwk.StateData {
	return s
}
