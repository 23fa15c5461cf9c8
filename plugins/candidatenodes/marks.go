package candidatenodes

import (
	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
)

// marks are nodes that must be evaluated individually. A number distinguishes the current
// search from earlier ones, so that nothing has to be cleared.
type marks struct {
	number uint32
	nodes  []uint32 // by slot
	states []stateMarks
	slots  []int
	// bars are marks of nodes that do not fit, and need no evaluation. They are not among the slots, unless
	// they were marked before.
	bars   []uint32 // by slot
	barred []int
}

type stateMarks struct {
	number uint32
	count  int
}

func (m *marks) reset() {
	m.number++
	m.slots, m.barred = m.slots[:0], m.barred[:0]
}

func (m *marks) mark(slot int, state *nodetable.State) {
	if state != nil && !m.has(slot) {
		m.add(slot, state)
		m.slots = append(m.slots, slot)
	}
}

// bar excludes a node that does not fit the pod.
func (m *marks) bar(slot int, state *nodetable.State) {
	for slot >= len(m.bars) {
		m.bars = append(m.bars, 0)
	}
	m.bars[slot] = m.number
	if !m.has(slot) {
		m.add(slot, state)
		m.barred = append(m.barred, slot)
	}
}

// bans reports whether the node does not fit the pod.
func (m *marks) bans(slot int) bool {
	return slot < len(m.bars) && m.bars[slot] == m.number
}

// add counts a node that is not to be evaluated with the others in its state.
func (m *marks) add(slot int, state *nodetable.State) {
	for slot >= len(m.nodes) {
		m.nodes = append(m.nodes, 0)
	}
	for state.ID >= len(m.states) {
		m.states = append(m.states, stateMarks{})
	}
	m.nodes[slot] = m.number
	if in := &m.states[state.ID]; in.number == m.number {
		in.count++
	} else {
		*in = stateMarks{m.number, 1}
	}
}

func (m *marks) has(slot int) bool {
	return slot < len(m.nodes) && m.nodes[slot] == m.number
}

// in returns how many nodes in the state are marked.
func (m *marks) in(state *nodetable.State) int {
	if state.ID < len(m.states) && m.states[state.ID].number == m.number {
		return m.states[state.ID].count
	}
	return 0
}

// statics are the results of a search for taints and labels, by number. The number of the
// search identifies earlier results.
type statics struct {
	number uint32
	found  []static
}

type static struct {
	number  uint32
	refuses bool
	group   int
}

func (f *statics) reset() {
	f.number++
}

// group returns the group of nodes with those taints and labels, or the next number if there
// is none yet.
func (f *statics) group(number, next int) (group int, isNew bool) {
	for number >= len(f.found) {
		f.found = append(f.found, static{})
	}
	if found := f.found[number]; found.number == f.number {
		return found.group, false
	}
	f.found[number] = static{number: f.number, group: next}
	return next, true
}

// refuse notes that none of these nodes fits the pod.
func (f *statics) refuse(number int) {
	f.found[number].refuses = true
}

// refuses reports whether none of these nodes fits the pod.
func (f *statics) refuses(number int) bool {
	return number < len(f.found) && f.found[number].number == f.number && f.found[number].refuses
}
