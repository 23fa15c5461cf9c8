package recovery

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// victim is a lost pod that waits for a replacement.
type victim struct {
	journal.Victim
	lostAt time.Time
	drawn  bool
	// number is its place among all losses.
	number uint64
	load   *load
	// of is the pod itself, and standIn the one that was created in its place.
	of, standIn *pod
	// index is its place in missing.all, and open that in missing.open, -1 if in none.
	index, open int
}

// compare compares when the victims were lost.
func (v *victim) compare(other *victim) int {
	return cmp.Or(v.lostAt.Compare(other.lostAt), cmp.Compare(v.number, other.number))
}

// missing are the victims of a workload that wait.
type missing struct {
	all []*victim
	// open are those that a new pod is to be expected for and none has come, first lost
	// first; byName has them by the pod's name, of which there may be several: one whose
	// replacement was drawn in its turn.
	open   queue
	byName map[string][]*victim
}

// add adds a victim that no pod is to be expected for as yet.
func (m *missing) add(v *victim) {
	v.index, v.open = len(m.all), -1
	m.all = append(m.all, v)
}

// expect expects a new pod for the victim.
func (m *missing) expect(v *victim) {
	if v.open >= 0 || v.standIn != nil {
		return
	}
	heap.Push(&m.open, v)
	if m.byName == nil {
		m.byName = map[string][]*victim{}
	}
	m.byName[v.Pod] = append(m.byName[v.Pod], v)
}

// next takes the victim that a new pod of that name replaces; nil if there is none.
func (m *missing) next(kind, name string) *victim {
	var v *victim
	switch named := m.byName[name]; {
	case len(named) > 0:
		v = slices.MinFunc(named, (*victim).compare)
	case kind != "StatefulSet" && len(m.open) > 0:
		v = m.open[0]
	default:
		return nil
	}
	m.unexpect(v)
	return v
}

// unexpect expects no new pod for the victim.
func (m *missing) unexpect(v *victim) {
	if v.open < 0 {
		return
	}
	heap.Remove(&m.open, v.open)
	if len(m.byName[v.Pod]) == 1 {
		delete(m.byName, v.Pod)
		return
	}
	m.byName[v.Pod] = slices.DeleteFunc(m.byName[v.Pod], func(other *victim) bool { return other == v })
}

// remove removes the victim.
func (m *missing) remove(v *victim) {
	m.unexpect(v)
	last := m.all[len(m.all)-1]
	m.all[v.index], last.index = last, v.index
	m.all[len(m.all)-1] = nil
	m.all = m.all[:len(m.all)-1]
}

// leastMissed returns the victim to give up first: one that was not drawn rather than one
// that was, and of these the last.
func (m *missing) leastMissed() *victim {
	least := m.all[0]
	for _, v := range m.all[1:] {
		if v.drawn == least.drawn && least.compare(v) < 0 || !v.drawn && least.drawn {
			least = v
		}
	}
	return least
}

// take takes over the victims of another workload.
func (m *missing) take(from *missing) {
	for _, v := range from.all {
		expected := v.open >= 0
		m.add(v)
		if expected {
			m.expect(v)
		}
	}
	*from = missing{}
}

// queue is a heap of victims.
type queue []*victim

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].compare(q[j]) < 0 }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i]; q[i].open, q[j].open = i, j }
func (q *queue) Push(v any)        { v.(*victim).open = len(*q); *q = append(*q, v.(*victim)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	v := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	v.open = -1
	return v
}
