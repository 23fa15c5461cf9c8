// Package recovery observes workloads while pods are removed: which pods are lost, which new pods
// replace them and when, and how many are ready meanwhile. It makes no requests: events are
// passed to it, and it writes the journal.
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

// Options are the options of an Observer.
type Options struct {
	// Workload returns the workload of a pod as far as it is known, like cluster.Owners.Of. It is
	// called with a lock held, so it must not call the Observer.
	Workload func(*corev1.Pod) *cluster.Workload
	// Sink receives the records with their times, one after another. It must not call the
	// Observer either.
	Sink func(journal.Record)
	// Every is how long changes are held back: in this time, a workload or a budget gets at most
	// two records, its worst moment and the last one. 0 writes every change.
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
// successor from its controller, so none is expected. A stand-in counts as a pod of its
// workload, and takes the place of its pod in the moment in which that goes.
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
	// standIns are those of the pods that are moved by one.
	standIns map[types.UID]*pod
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

// Summary are the counts since Begin.
type Summary struct {
	// Drawn are the lost pods that the run drew, and Others the other ones.
	Drawn  int `json:"drawn"`
	Others int `json:"others"`
	// Recovered have been replaced, Unneeded need no replacement, and Waiting are neither. They
	// add up to all lost pods.
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
		byController: map[types.UID]*load{}, budgets: map[string]map[string]*budget{}, buried: map[types.UID]bool{}, returning: map[types.UID]bool{}, standIns: map[types.UID]*pod{}, deleted: map[string]bool{},
	}
}

// Begin starts the run, after the initial state has been passed: changes are written from now on.
// Nothing is written about workloads and budgets that never change.
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

// Pod handles a change of a pod. Was is nil for a new pod, and is is nil for a deleted one.
// Before Begin, all pods of a picture may be passed while events arrive already: pods of earlier
// events are older in the picture.
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

// Drawn means that the run is about to remove the pod, so that its loss from now on counts as the
// run's. It must be called before the request. The loss counts from since, such as when the node
// was taken down, or, if that is zero, from when it is observed or Evicted is called.
func (o *Observer) Drawn(p target.Pod, since time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drawn[p.UID] = drawing{victim: journal.VictimOf(p), since: since}
}

// Evicted means that the eviction or deletion of the pod was accepted: the pod counts as lost
// from now on, unless the loss was observed before.
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

// Returns means that the pod belongs to a node that is about to go: it is not replaced until the
// node is back.
func (o *Observer) Returns(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.returning[uid] = true
}

// Kept means that the pod stays after all, because its eviction was refused or its node is back.
func (o *Observer) Kept(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.drawn, uid)
	delete(o.returning, uid)
}

// Desired sets the number of desired pods of a workload, by target.WorkloadKey. If it is lower
// than before, surplus pods count as unneeded.
func (o *Observer) Desired(workload string, desired int, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if l := o.loads[workload]; l != nil {
		l.want(o, desired, at)
	}
}

// Refresh updates the number of desired pods of every workload, and stops waiting for more
// replacements than a workload misses pods. It must be called regularly, after the picture that
// Options.Workload uses was updated.
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

// Flush writes the records that are held back.
func (o *Observer) Flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writeAll()
}

// Close writes the records that are held back, and nothing afterwards.
func (o *Observer) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writeAll()
	o.closed = true
}

// Awaited returns the number of drawn lost pods that still wait for a replacement.
func (o *Observer) Awaited() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.awaited
}

// Missing returns the workloads, by target.WorkloadKey, that wait for a replacement of a drawn
// pod, each with the name of such a pod.
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

// Availability returns the number of ready pods of the workload, by target.WorkloadKey, now and
// at its worst moment since Begin, which is the one with the smallest share of the desired pods.
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

// Summary returns the current counts.
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
