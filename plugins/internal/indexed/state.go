package indexed

import (
	fwk "k8s.io/kube-scheduler/framework"
)

// filterState is the result of PreFilter, with hypothetical changes.
type filterState struct {
	// filter is the answer of the counts; nil if all nodes fit the pod.
	filter Filter
	// upstream returns the result of the engine's plugin. Clones share it; it is not
	// modified.
	upstream func() (fwk.CycleState, *fwk.Status)
	// own is the state of the engine's plugin with the pods that were hypothetically added
	// and removed; nil if there are none. If set, it is used.
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

// scoreState is the result of PreScore.
type scoreState struct {
	scorer Scorer
	// own is the state of the engine's plugin, if it is used instead.
	own fwk.CycleState
}

// Clone returns the state itself, which is not modified.
func (s *scoreState) Clone() fwk.StateData {
	return s
}
