// Package changes tells plugins what changed in the scheduler's snapshot, so that they can
// maintain figures of the whole cluster at a cost that depends on the number of changes.
package changes

import (
	"sync"
	"time"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
)

const (
	// compareEvery is the interval between comparisons of all nodes if events are available.
	// It limits how long a change without an event can go unnoticed.
	compareEvery = time.Second
	// linger is how long a node is compared after an event, because the engine's own handler
	// may see the same event later.
	linger = 100 * time.Millisecond
)

// Subscriber maintains figures of nodes. It is told of one change at a time, starting with
// all nodes at the first update. A node keeps its slot, a small number that no other node
// has, until it is deleted.
type Subscriber interface {
	// Changed is called for a node that is new or has changed.
	Changed(slot int, node fwk.NodeInfo)
	// Gone is called for a node that was deleted. Its slot may be reused.
	Gone(slot int, name string)
}

// Feed compares successive snapshots by the generations of their nodes: the engine gives a
// node a new, unique generation whenever the node or its pods change. If events are
// available, it compares only the nodes that they name, and all nodes once a second. The zero
// Feed has seen no nodes and receives no events.
type Feed struct {
	clock  clock.PassiveClock // nil means the real clock
	events *events            // nil if there are no events

	mu sync.Mutex
	// nodes is the list of the last update. The engine creates another list when nodes are
	// added or deleted. While this one is referenced, its address is not reused.
	nodes  []fwk.NodeInfo
	seen   []seen         // by place in the list
	places map[string]int // by name
	free   []int          // slots
	slots  int
	// hot are the places of nodes with recent events, with the time until which they are
	// compared.
	hot      []int
	compared time.Time
	// unexplained are nodes that changed without an event, with the time when that was found.
	unexplained map[string]time.Time

	subscribers []*subscription
}

type seen struct {
	name       string
	slot       int
	generation int64
	hotUntil   time.Time
}

type subscription struct {
	Subscriber
	key string
	// fresh reports that the subscriber has not been told of any node.
	fresh bool
}

// Update tells the subscribers what changed in the snapshot's nodes since the last update.
// The nodes are the snapshot's list, in its order.
func (f *Feed) Update(nodes []fwk.NodeInfo) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	following := f.events.reliable()
	known := following && len(nodes) == len(f.nodes) && (len(nodes) == 0 || &nodes[0] == &f.nodes[0])
	f.nodes = nodes
	if !known && !f.sameNodes() {
		f.rearrange()
	}
	if following {
		names, lost := f.events.drain()
		f.heat(names, now)
		known = known && !lost
	}
	if known && now.Sub(f.compared) < compareEvery {
		f.compareHot(now)
	} else {
		f.compareAll(known, now)
	}
	f.introduce()
}

func (f *Feed) now() time.Time {
	if f.clock == nil {
		return time.Now()
	}
	return f.clock.Now()
}

// heat adds nodes to those that are compared for a while.
func (f *Feed) heat(names map[string]struct{}, now time.Time) {
	for name := range names {
		delete(f.unexplained, name)
		place, known := f.places[name]
		if !known {
			continue // it comes with a list of nodes to come
		}
		s := &f.seen[place]
		if s.hotUntil.IsZero() {
			f.hot = append(f.hot, place)
		}
		s.hotUntil = now.Add(linger)
	}
}

// compareHot compares the nodes with recent events.
func (f *Feed) compareHot(now time.Time) {
	still := f.hot[:0]
	for _, place := range f.hot {
		f.compare(place)
		if s := &f.seen[place]; s.hotUntil.After(now) {
			still = append(still, place)
		} else {
			s.hotUntil = time.Time{}
		}
	}
	f.hot = still
}

// compare tells the subscribers if the node in the place has changed, and reports whether it
// has.
func (f *Feed) compare(place int) bool {
	node, s := f.nodes[place], &f.seen[place]
	generation := node.GetGeneration()
	if generation == s.generation {
		return false
	}
	s.generation = generation
	for _, to := range f.subscribers {
		if !to.fresh {
			to.Changed(s.slot, node)
		}
	}
	return true
}

// compareAll compares all nodes. With audit, it checks that changes were announced by an
// event.
func (f *Feed) compareAll(audit bool, now time.Time) {
	f.compared = now
	for place := range f.nodes {
		if f.compare(place) && audit && f.seen[place].hotUntil.IsZero() {
			f.unexplained[f.seen[place].name] = now
		}
	}
	if audit {
		f.compareHot(now) // cools them down
	}
	for name, since := range f.unexplained {
		// A delayed event would have arrived by now.
		if now.Sub(since) >= compareEvery {
			delete(f.unexplained, name)
			healed.Inc()
		}
	}
}

// sameNodes reports whether the nodes are the same as in the last update, in the same order.
// Equal generations prove it without comparing names.
func (f *Feed) sameNodes() bool {
	if len(f.nodes) != len(f.seen) {
		return false
	}
	for place, node := range f.nodes {
		if s := &f.seen[place]; node.GetGeneration() != s.generation && node.Node().Name != s.name {
			return false
		}
	}
	return true
}

// rearrange brings the known nodes into the order of the list.
func (f *Feed) rearrange() {
	before := make(map[string]seen, len(f.seen))
	for _, s := range f.seen {
		before[s.name] = s
	}
	staying := make(map[string]bool, len(f.nodes))
	for _, node := range f.nodes {
		staying[node.Node().Name] = true
	}
	for _, s := range f.seen {
		if !staying[s.name] {
			f.drop(s)
		}
	}
	f.seen, f.places, f.hot = make([]seen, len(f.nodes)), make(map[string]int, len(f.nodes)), nil
	for place, node := range f.nodes {
		name := node.Node().Name
		s, known := before[name]
		if !known {
			// The engine counts generations from 1: 0 is a node not seen before.
			s = seen{name: name, slot: f.newSlot()}
		}
		if !s.hotUntil.IsZero() {
			f.hot = append(f.hot, place)
		}
		f.seen[place], f.places[name] = s, place
	}
	if f.unexplained == nil {
		f.unexplained = map[string]time.Time{}
	}
}

// drop tells the subscribers that a node was deleted.
func (f *Feed) drop(s seen) {
	delete(f.unexplained, s.name)
	f.free = append(f.free, s.slot)
	for _, to := range f.subscribers {
		if !to.fresh {
			to.Gone(s.slot, s.name)
		}
	}
}

func (f *Feed) newSlot() int {
	if last := len(f.free) - 1; last >= 0 {
		slot := f.free[last]
		f.free = f.free[:last]
		return slot
	}
	f.slots++
	return f.slots - 1
}

// introduce tells new subscribers of all nodes.
func (f *Feed) introduce() {
	for _, to := range f.subscribers {
		if !to.fresh {
			continue
		}
		to.fresh = false
		for place, node := range f.nodes {
			to.Changed(f.seen[place].slot, node)
		}
	}
}

// Distrust makes the next update compare all nodes, because a node was found to have changed
// without the feed having noticed.
func (f *Feed) Distrust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compared = time.Time{}
}

// Shared returns the feed's subscriber of the type and the key. If there is none, it calls
// newSubscriber. Profiles of a scheduler share subscribers this way.
func Shared[T Subscriber](f *Feed, key string, newSubscriber func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, to := range f.subscribers {
		if s, ok := to.Subscriber.(T); ok && to.key == key {
			return s
		}
	}
	s := newSubscriber()
	f.subscribers = append(f.subscribers, &subscription{Subscriber: s, key: key, fresh: true})
	return s
}

// Slot returns the slot of the node of that name.
func (f *Feed) Slot(name string) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	place, known := f.places[name]
	if !known {
		return 0, false
	}
	return f.seen[place].slot, true
}

// EachName calls its argument for each node.
func (f *Feed) EachName(each func(name string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.seen {
		each(s.name)
	}
}
