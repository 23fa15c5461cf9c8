// Package recovery watches how workloads do while pods are taken from them: which pods
// are lost, which new ones stand in for them and when, and how many are ready meanwhile.
// It makes no request: it is told what happens, and writes it into the journal.
package recovery

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Options say how to observe.
type Options struct {
	// Workload returns the workload of a pod as far as it is known now, as
	// cluster.Owners.Of does. It is called with a lock held, so it must not call the
	// Observer.
	Workload func(*corev1.Pod) *cluster.Workload
	// Sink takes the records, with their times, one after another. It must not call the
	// Observer either.
	Sink func(journal.Record)
	// Every is how long what changes is held back: a workload, and a budget, has at most
	// two records in that time, its worst moment and the last. 0 writes every change.
	Every time.Duration
}

// Observer follows the pods of a cluster. It is safe for concurrent use. An event costs
// the same whatever the size of the cluster, but for a logarithm of how many replacements
// its workload waits for.
//
// Each lost pod is paired with one that takes its place. That is the pod itself if it
// becomes ready again. Otherwise it is the next that is created under its name or, but in
// a StatefulSet, in its workload: the first that is created stands in for the first that
// went. One that was created before, and becomes ready only now, takes the place of a pod
// that nobody stands in for. A pod that is not ready without being on its way out gets no
// successor from its controller, so none is expected.
type Observer struct {
	options Options

	mu sync.Mutex
	// began is zero until Begin.
	began time.Time
	pods  map[types.UID]*pod
	drawn map[types.UID]drawing
	loads map[string]*load
	// order has the loads in the order in which they came.
	order        []*load
	byController map[types.UID]*load
	budgets      map[string]map[string]*budget
	// buried are the pods that went before Begin.
	buried map[types.UID]bool
	// returning are the pods that come back with their nodes.
	returning map[types.UID]bool
	// deleted are the namespaces that are being deleted.
	deleted map[string]bool
	// held has what is held back, those that are due first in front.
	held    []holding
	losses  uint64
	summary Summary
	awaited int
	closed  bool
}

// Summary counts what was observed since Begin.
type Summary struct {
	// Drawn are the lost pods that the run chose, and Others those that it did not.
	Drawn  int `json:"drawn"`
	Others int `json:"others"`
	// Recovered have been replaced, Unneeded need not be, and Waiting are neither. They add
	// up to all that were lost.
	Recovered int `json:"recovered"`
	Unneeded  int `json:"unneeded"`
	Waiting   int `json:"waiting"`
}

// drawing is what is known of a pod that was drawn.
type drawing struct {
	victim journal.Victim
	since  time.Time
	// evicted says that it is on its way out, whatever else is seen of it.
	evicted bool
}

// New returns an Observer of an empty cluster.
func New(options Options) *Observer {
	return &Observer{
		options: options, pods: map[types.UID]*pod{}, drawn: map[types.UID]drawing{}, loads: map[string]*load{},
		byController: map[types.UID]*load{}, budgets: map[string]map[string]*budget{}, buried: map[types.UID]bool{}, returning: map[types.UID]bool{}, deleted: map[string]bool{},
	}
}

// Begin says that all there is has been told, and that the run begins: what comes is
// written. Of workloads and budgets that never change nothing is.
func (o *Observer) Begin(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.began = at
	clear(o.buried)
	for _, l := range o.order {
		l.begin(at)
	}
	for _, named := range o.budgets {
		for _, b := range named {
			b.series.begin(b.now, at)
		}
	}
}

// Pod is told of a pod as it was and as it is: nil where it was not yet or is no more.
// Before Begin, all pods of a picture may be told while events come in already: those that
// an event has told of are older in the picture.
func (o *Observer) Pod(was, is *corev1.Pod, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was != nil && (is == nil || is.UID != was.UID) {
		o.gone(was.UID, at)
	}
	known := is != nil && was == nil && (o.pods[is.UID] != nil || o.buried[is.UID])
	if is != nil && !known {
		o.seen(is, at)
	}
	o.writeDue(at)
}

// Drawn says that the run is about to take the pod away: its loss from now on is the
// run's. It is to be called before the request. The loss counts from since, such as when
// the pod's node was taken down, or for the zero time from when it is seen or Evicted says so.
func (o *Observer) Drawn(p target.Pod, since time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drawn[p.UID] = drawing{victim: journal.VictimOf(p), since: since}
}

// Evicted says that the eviction, or deletion, of the pod was accepted: from now on it is
// lost, if it was not seen to be before.
func (o *Observer) Evicted(p target.Pod, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	known := o.pods[p.UID]
	if _, drawn := o.drawn[p.UID]; !drawn && (known == nil || known.leaving) {
		return // its loss was seen
	}
	o.drawn[p.UID] = drawing{victim: journal.VictimOf(p), since: at, evicted: true}
	if known != nil {
		o.leave(known, at)
	}
	o.writeDue(at)
}

// Returns says that the pod's node is about to go, and the pod with it, which is part of its
// node: nothing is to take its place until the node is back.
func (o *Observer) Returns(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.returning[uid] = true
}

// Kept says that the pod stays after all: a budget, or anything else, refused to let it go, or
// its node is back.
func (o *Observer) Kept(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.drawn, uid)
	delete(o.returning, uid)
}

// Desired says how many pods a workload, as target.WorkloadKey names it, wants. Where
// that is less than before, the pods that go are not missed.
func (o *Observer) Desired(workload string, desired int, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.loads[workload]; l != nil {
		l.want(o, desired, at)
	}
}

// Refresh asks for every workload anew, since how many pods it wants may have changed,
// and gives up waiting for more replacements than it misses pods. It is to be called
// now and then, and after the picture that Options.Workload looks at was taken anew.
func (o *Observer) Refresh(at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.order {
		if l.into == nil {
			o.refresh(l, at)
		}
	}
	o.writeDue(at)
	o.forgetOver(at)
}

// Flush writes what is held back.
func (o *Observer) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writeAll()
}

// Close writes what is held back, and nothing any more from then on.
func (o *Observer) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writeAll()
	o.closed = true
}

// Awaited returns how many of the lost pods that the run chose still wait for a
// replacement. What others do in the cluster is nothing to wait for.
func (o *Observer) Awaited() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.awaited
}

// Missing returns the workloads, as target.WorkloadKey names them, that wait for the
// replacement of pods that the run chose, each with the name of one of these.
func (o *Observer) Missing() map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting := map[string]string{}
	if o.awaited == 0 {
		return waiting
	}
	for _, l := range o.order {
		if i := slices.IndexFunc(l.missing.all, func(v *victim) bool { return v.drawn }); i >= 0 {
			v := l.missing.all[i]
			waiting[l.key] = v.Namespace + "/" + v.Pod
		}
	}
	return waiting
}

// Availability returns how many pods of the workload, as target.WorkloadKey names it, are
// ready now, and at its worst moment since Begin: that with the smallest part of what was
// desired then.
func (o *Observer) Availability(workload string) (now, floor journal.Availability, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := o.loads[workload]
	if l == nil {
		return now, floor, false
	}
	now, floor = l.now(), l.now()
	if worst, any := l.series.floor(); any && worseAvailability(worst, floor) {
		floor = worst
	}
	return now, floor, true
}

// Summary returns the counts as they are now.
func (o *Observer) Summary() Summary {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.summary
}

func (o *Observer) write(at time.Time, r journal.Record) {
	if o.closed {
		return
	}
	r.Time = at
	o.options.Sink(r)
}
