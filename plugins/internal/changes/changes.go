// Package changes finds what is new in the scheduler's snapshot, so that a plugin
// can keep figures of the whole cluster at a cost that grows with what changed.
package changes

import (
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

// Follower compares one snapshot with the next by the generations of their nodes:
// the engine gives a node a generation that no other has each time anything about
// it or its pods changes. The zero Follower has seen nothing.
type Follower struct {
	seen []seen
}

type seen struct {
	name       string
	generation int64
}

// Follow calls changed for each node that is new or not as it was at the last
// call, and gone for each that is no more. Nodes are in the snapshot's order.
func (f *Follower) Follow(nodes []fwk.NodeInfo, changed func(fwk.NodeInfo), gone func(name string)) {
	if !f.sameNodes(nodes) {
		f.rearrange(nodes, gone)
	}
	for i, node := range nodes {
		if generation := node.GetGeneration(); generation != f.seen[i].generation {
			f.seen[i].generation = generation
			changed(node)
		}
	}
}

// sameNodes says whether the nodes are those seen last, in the same order. A
// generation that is as it was proves it without a look at the name.
func (f *Follower) sameNodes(nodes []fwk.NodeInfo) bool {
	if len(nodes) != len(f.seen) {
		return false
	}
	for i, node := range nodes {
		if node.GetGeneration() != f.seen[i].generation && node.Node().Name != f.seen[i].name {
			return false
		}
	}
	return true
}

// rearrange brings what was seen into the order of the nodes.
func (f *Follower) rearrange(nodes []fwk.NodeInfo, gone func(name string)) {
	generations := make(map[string]int64, len(f.seen))
	for _, s := range f.seen {
		generations[s.name] = s.generation
	}
	f.seen = slices.Grow(f.seen[:0], len(nodes))[:len(nodes)]
	for i, node := range nodes {
		name := node.Node().Name
		// The engine counts generations from 1: 0 is a node not seen yet.
		f.seen[i] = seen{name: name, generation: generations[name]}
		delete(generations, name)
	}
	for name := range generations {
		gone(name)
	}
}
