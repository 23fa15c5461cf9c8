// Package nodetable groups the nodes of the scheduler's snapshot by their state: what
// they have, what is requested there, their taints, and the labels that anybody goes
// by. What holds for one node of a state holds for all of them, so a question about
// all nodes costs as much as there are states, of which a cluster of thousands of
// nodes may have a few dozen.
package nodetable

import (
	"cmp"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// maxLabels is how many labels tell states apart at most. Beyond, a quarter of them
	// is dropped, those asked for longest ago.
	maxLabels = 256
	// maxValues is how many values a label of a small cluster may have to be taken for
	// one that nodes have in common. In a large one it is a quarter of the nodes.
	maxValues = 64
)

// State is what some nodes have in common.
type State struct {
	// ID is a small number that no other state of the same epoch has.
	ID int
	// Static is the number of what does not change with pods: labels, taints and such.
	Static int
	// Slots are those of the nodes in the state, by their names.
	Slots []int32

	key string
	// place is where in the table's list of states with nodes this one is.
	place int
}

// Table knows the state of each node. What it returns is good until the next update;
// the engine places one pod after the other, so this is no burden.
type Table struct {
	feed *changes.Feed

	mu     sync.Mutex
	labels []string
	// asked is when, by number of updates, a label was asked for last.
	asked   map[string]int64
	updates int64
	// individual are labels of which nearly every node has a value of its own, at the
	// number of nodes that was found out with.
	individual map[string]int
	nodes      []node // by slot
	count      int    // of nodes
	states     map[string]*State
	live       []*State // those with nodes
	epoch      int64
	static     statics
	buffer     []byte
}

type node struct {
	info fwk.NodeInfo // nil for a slot without a node
	// generation is that of the info when the state was found.
	generation int64
	name       string
	object     *corev1.Node
	static     uint32
	empty      bool
	state      *State
}

var _ changes.Subscriber = &Table{}

// Of returns the table of the feed's snapshot.
func Of(feed *changes.Feed) *Table {
	return changes.Shared(feed, "", func() *Table { return newTable(feed) })
}

func newTable(feed *changes.Feed) *Table {
	return &Table{feed: feed, asked: map[string]int64{}, individual: map[string]int{}, states: map[string]*State{}, static: newStatics()}
}

// Update brings the table up to date with the snapshot, and has it tell states apart
// by the labels, beside others. It returns false if it does not do so, as nearly every
// node has a value of its own of one of them; so it is with the hostname.
func (t *Table) Update(nodes []fwk.NodeInfo, labels ...[]string) bool {
	t.feed.Update(nodes)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.updates++
	isNew := false
	for _, keys := range labels {
		for _, key := range keys {
			if key == corev1.LabelHostname || t.isIndividual(key) {
				return false
			}
			t.asked[key] = t.updates
			if !slices.Contains(t.labels, key) {
				t.labels, isNew = append(t.labels, key), true
			}
		}
	}
	if !isNew {
		return true
	}
	t.dropLabels()
	for _, key := range t.labels {
		if values := t.valuesOf(key); values > max(maxValues, t.count/4) {
			t.individual[key] = t.count
		}
	}
	t.labels = slices.DeleteFunc(t.labels, func(key string) bool { return t.individual[key] > 0 })
	t.rebuild()
	return !slices.ContainsFunc(slices.Concat(labels...), t.isIndividual)
}

// isIndividual says whether the label is known to be one of which nearly every node has
// a value of its own. Where there are now far more or fewer nodes, that is forgotten.
func (t *Table) isIndividual(key string) bool {
	then := t.individual[key]
	if then > 0 && (t.count > 2*then || 2*t.count < then) {
		delete(t.individual, key)
		return false
	}
	return then > 0
}

// dropLabels drops those asked for longest ago if there are too many.
func (t *Table) dropLabels() {
	if len(t.labels) <= maxLabels {
		return
	}
	slices.SortFunc(t.labels, func(a, b string) int { return cmp.Compare(t.asked[b], t.asked[a]) })
	for _, key := range t.labels[maxLabels*3/4:] {
		if t.asked[key] != t.updates {
			delete(t.asked, key)
		}
	}
	t.labels = slices.DeleteFunc(t.labels, func(key string) bool { return t.asked[key] == 0 })
}

// valuesOf returns how many values nodes have of the label.
func (t *Table) valuesOf(key string) int {
	values := map[string]struct{}{}
	for i := range t.nodes {
		if object := t.nodes[i].object; object != nil {
			values[object.Labels[key]] = struct{}{}
		}
	}
	return len(values)
}

// Current says whether the node in the slot is still as it was when its state was
// found. The engine changes nodes of a snapshot in place, before the feed hears of it.
func (t *Table) Current(slot int) bool {
	return t.nodes[slot].generation == t.nodes[slot].info.GetGeneration()
}

// Epoch changes when IDs of states are given anew.
func (t *Table) Epoch() int64 {
	return t.epoch
}

// States returns the states that nodes are in.
func (t *Table) States() []*State {
	return t.live
}

// StateOf returns the state of the node in the slot; nil if there is none.
func (t *Table) StateOf(slot int) *State {
	if slot >= len(t.nodes) {
		return nil
	}
	return t.nodes[slot].state
}

// Node returns the node in the slot.
func (t *Table) Node(slot int) scan.Node {
	return scan.Node{Slot: slot, Info: t.nodes[slot].info, Empty: t.nodes[slot].empty}
}

// Changed finds the state that the node is in now.
func (t *Table) Changed(slot int, info fwk.NodeInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for slot >= len(t.nodes) {
		t.nodes = append(t.nodes, node{})
	}
	n := &t.nodes[slot]
	object := info.Node()
	if n.info == nil {
		t.count++
		n.name = object.Name
	}
	n.info, n.generation, n.empty = info, info.GetGeneration(), scan.Empty(info)
	if n.object != object {
		n.object = object
		n.static = t.static.of(object, info, t.labels)
	}
	t.place(slot)
	if len(t.states) > 2*t.count+1024 {
		t.rebuild() // most are of the past
	}
}

// Gone forgets the node.
func (t *Table) Gone(slot int, _ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(slot)
	t.nodes[slot] = node{}
	t.count--
}

// rebuild starts over with the nodes that there are.
func (t *Table) rebuild() {
	t.epoch++
	t.states, t.live, t.static = map[string]*State{}, nil, newStatics()
	for slot := range t.nodes {
		if n := &t.nodes[slot]; n.info != nil {
			n.state = nil
			n.static = t.static.of(n.object, n.info, t.labels)
			t.place(slot)
		}
	}
}

// place puts the node in the slot to the others in its state.
func (t *Table) place(slot int) {
	n := &t.nodes[slot]
	t.buffer = t.static.appendKey(t.buffer[:0], n.static, n.info, n.empty)
	state := t.states[string(t.buffer)]
	if state == nil {
		state = &State{ID: len(t.states), Static: int(n.static), key: string(t.buffer)}
		t.states[state.key] = state
	}
	if state == n.state {
		return
	}
	t.leave(slot)
	n.state = state
	if len(state.Slots) == 0 {
		state.place = len(t.live)
		t.live = append(t.live, state)
	}
	i, _ := t.search(state, n.name)
	state.Slots = slices.Insert(state.Slots, i, int32(slot))
}

// leave takes the node in the slot out of its state, if it has one.
func (t *Table) leave(slot int) {
	n := &t.nodes[slot]
	state := n.state
	if state == nil {
		return
	}
	n.state = nil
	i, _ := t.search(state, n.name)
	state.Slots = slices.Delete(state.Slots, i, i+1)
	if len(state.Slots) > 0 {
		return
	}
	last := len(t.live) - 1
	t.live[state.place] = t.live[last]
	t.live[state.place].place = state.place
	t.live = t.live[:last]
}

func (t *Table) search(state *State, name string) (int, bool) {
	return slices.BinarySearchFunc(state.Slots, name, func(slot int32, name string) int { return cmp.Compare(t.nodes[slot].name, name) })
}
