// Package changes tells plugins what is new in the scheduler's snapshot, so that they
// can keep figures of the whole cluster at a cost that grows with what changed.
package changes

import (
	"sync"
	"time"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
)

const (
	// compareEvery is how old the last comparison of all nodes may be where events are
	// followed. It bounds how long a change that no event announced goes unnoticed.
	compareEvery = time.Second
	// linger is how long a node is looked at after an event: the engine's own handler
	// may come to the same event later.
	linger = 100 * time.Millisecond
)

// Subscriber keeps figures of nodes. It is told of one change at a time, from the first
// update after it came, which is about all nodes. A node keeps its slot, a small number that no other node has, until it is gone.
type Subscriber interface {
	// Changed is told of a node that is new or not as it was.
	Changed(slot int, node fwk.NodeInfo)
	// Gone is told of a node that is no more. Its slot may be given to another.
	Gone(slot int, name string)
}

// Feed compares one snapshot with the next by the generations of their nodes: the
// engine gives a node a generation that no other has each time anything about it or
// its pods changes. Where it hears of events, it compares the nodes concerned only,
// and all of them once a second. The zero Feed has seen nothing and hears of nothing.
type Feed struct {
	clock  clock.PassiveClock // nil is the real one
	events *events            // nil where there are none

	mu sync.Mutex
	// nodes is the list seen last. The engine makes another when nodes come or go, and
	// this one, as long as it is held, is at no other's address.
	nodes  []fwk.NodeInfo
	seen   []seen         // by place in the list
	places map[string]int // by name
	free   []int          // slots
	slots  int
	// hot are the places of nodes that events were about, until when.
	hot      []int
	compared time.Time
	// unexplained are nodes that had changed without an event so far, since when.
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
	// fresh says that it has not been told of anything yet.
	fresh bool
}

// Update tells the subscribers how the snapshot's nodes differ from those of the last
// update. The nodes are those of the snapshot's list, in its order.
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

// heat makes the nodes be looked at for a while.
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

// compareHot looks at the nodes that events were about.
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

// compare tells of the node in the place if it is not as it was, and returns whether.
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

// compareAll looks at all nodes. With audit, what has changed should have been
// announced by an event.
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
		// An event on its way would have come by now.
		if now.Sub(since) >= compareEvery {
			delete(f.unexplained, name)
			healed.Inc()
		}
	}
}

// sameNodes says whether the nodes are those seen last, in the same order. A
// generation that is as it was proves it without a look at the name.
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

// rearrange brings what was seen into the order of the nodes.
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
			// The engine counts generations from 1: 0 is a node not seen yet.
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

// drop tells of a node that is gone.
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

// Distrust has the next update compare all nodes: somebody has found one that is not as
// it was, of which the feed did not know.
func (f *Feed) Distrust() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compared = time.Time{}
}

// Shared returns the feed's subscriber of the type and the key, which newSubscriber
// makes if there is none: profiles of a scheduler that want the same figures share them.
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
