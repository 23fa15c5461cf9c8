// Package nodetable groups the nodes of the scheduler's snapshot by state: allocatable and
// requested resources, taints, and the labels that are in use. All nodes of a state are
// evaluated at once, so the cost of evaluating all nodes depends on the number of states, of
// which a cluster with thousands of nodes may have a few dozen.
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
	// maxLabels limits how many labels distinguish states. Above it, the least recently used
	// quarter is dropped.
	maxLabels = 256
	// maxValues is the number of values up to which a label is considered shared by nodes in
	// a small cluster. In a large cluster it is a quarter of the nodes.
	maxValues = 64
)

// State is the common state of some nodes.
type State struct {
	// ID is a small number, unique among the states of the epoch.
	ID int
	// Static is the number of the properties that do not change with pods, such as labels and
	// taints.
	Static int
	// Slots are the slots of the nodes in the state, by node name.
	Slots []int32

	key string
	// place is the index in the table's list of states with nodes.
	place int
}

// Table maps each node to its state. Results are valid until the next update, which is
// sufficient because the engine places one pod after another.
type Table struct {
	feed *changes.Feed

	mu     sync.Mutex
	labels []string
	// asked is the number of the update in which a label was last used.
	asked   map[string]int64
	updates int64
	// individual are labels for which nearly every node has its own value, with the number of
	// nodes at the time.
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
	// generation is the generation of info when the state was determined.
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

// Update updates the table from the snapshot, and distinguishes states by the labels, in
// addition to others. It returns false if it cannot, because nearly every node has its own
// value of one of them, such as the hostname.
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

// isIndividual reports whether nearly every node is known to have its own value of the label.
// The knowledge expires when the number of nodes changes significantly.
func (t *Table) isIndividual(key string) bool {
	then := t.individual[key]
	if then > 0 && (t.count > 2*then || 2*t.count < then) {
		delete(t.individual, key)
		return false
	}
	return then > 0
}

// dropLabels drops the least recently used labels if there are too many.
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

// valuesOf returns the number of different values of the label.
func (t *Table) valuesOf(key string) int {
	values := map[string]struct{}{}
	for i := range t.nodes {
		if object := t.nodes[i].object; object != nil {
			values[object.Labels[key]] = struct{}{}
		}
	}
	return len(values)
}

// Current reports whether the node in the slot has not changed since its state was
// determined. The engine changes nodes of a snapshot in place, before the feed notices.
func (t *Table) Current(slot int) bool {
	return t.nodes[slot].generation == t.nodes[slot].info.GetGeneration()
}

// Epoch changes when the IDs of states are reassigned.
func (t *Table) Epoch() int64 {
	return t.epoch
}

// States returns the states that have nodes.
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

// Changed determines the new state of the node.
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
		t.rebuild() // most states have no nodes
	}
}

// Gone removes the node.
func (t *Table) Gone(slot int, _ string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leave(slot)
	t.nodes[slot] = node{}
	t.count--
}

// rebuild starts over with the current nodes.
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

// place adds the node in the slot to its state.
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

// leave removes the node in the slot from its state, if it has one.
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
