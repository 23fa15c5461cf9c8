package recovery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// settleAfter is how long a ReplicaSet that is not known may turn out to be somebody's:
// pods come by another watch, and so may come first.
const settleAfter = 2 * time.Second

// load is a workload with what is counted of it.
type load struct {
	key, kind string
	// into is the load that it turned out to be part of.
	into *load
	// sample is a pod of it, to ask for its workload by.
	sample *corev1.Pod // the latest: a ReplicaSet of an earlier one may be gone
	// unsettled says that it may turn out to be another workload, since it came at first.
	unsettled bool
	first     time.Time
	// desired is -1 where it is not known. Then the most that were ready stand for it.
	desired, most int
	ready         int
	// pods is how many there are, ready or not.
	pods    int
	series  series[journal.Availability]
	missing missing
	// goneSince is when it was first found to be no more; zero while it is there.
	goneSince time.Time
}

// bare is the kind of a pod without a workload, which nothing replaces.
const bare = "Pod"

// find returns the load that it is part of.
func (l *load) find() *load {
	for l.into != nil {
		l = l.into
	}
	return l
}

// now returns the availability as it is.
func (l *load) now() journal.Availability {
	desired := l.desired
	if desired < 0 {
		desired = l.most
	}
	return journal.Availability{Workload: l.key, Desired: desired, Ready: l.ready}
}

// worseAvailability compares parts of what is desired, without dividing, and where those
// are the same of the same number, how many are ready.
func worseAvailability(a, b journal.Availability) bool {
	x, y := min(a.Ready, a.Desired)*b.Desired, min(b.Ready, b.Desired)*a.Desired
	switch {
	case a.Desired <= 0 || b.Desired <= 0:
		// Where nothing is desired, all of it is ready.
		return a.Desired > 0 && a.Ready < a.Desired
	case x != y:
		return x < y
	}
	return a.Desired == b.Desired && a.Ready < b.Ready
}

// begin begins the series, unless it has begun. The pods of a Job come to an end by
// themselves, so how many are ready says nothing.
func (l *load) begin(at time.Time) {
	if !l.series.begun && !l.unsettled && l.kind != "Job" {
		l.series.begin(l.now(), at)
	}
}

// changed takes note of how many are ready. A workload that is created during the run
// counts from when it is whole.
func (l *load) changed(o *Observer, at time.Time) {
	if l.ready > l.most {
		l.most = l.ready
	}
	if o.began.IsZero() || l.unsettled {
		return
	}
	if now := l.now(); !l.series.begun && now.Ready >= now.Desired {
		l.begin(at)
	}
	if l.series.set(l.now(), at) {
		o.hold(at, func() { l.flush(o) })
	}
}

func (l *load) flush(o *Observer) {
	l.series.flush(func(a journal.Availability, at time.Time) { o.write(at, journal.Record{Availability: &a}) })
}

// want sets how many pods are desired. If fewer, so they were at the worst moment that is
// held back: pods may go before it is known that they are to.
func (l *load) want(o *Observer, desired int, at time.Time) {
	if desired < 0 || desired == l.desired {
		return
	}
	l.desired = desired
	if s := &l.series; s.holding {
		s.worst.value.Desired = min(s.worst.value.Desired, desired)
	}
	l.changed(o, at)
}

// loadOf returns the load of a pod.
func (o *Observer) loadOf(p *corev1.Pod, at time.Time) *load {
	owner := metav1.GetControllerOfNoCopy(p)
	if owner != nil && o.byController[owner.UID] != nil {
		l := o.byController[owner.UID].find()
		if l.unsettled {
			l = o.resolve(l, at)
		}
		return l
	}
	w := o.workload(p, owner)
	l := o.loads[target.WorkloadKey(w, p)]
	if l == nil {
		l = o.newLoad(w, p, at)
	}
	if owner != nil {
		o.byController[owner.UID] = l
	}
	return l
}

// workload asks for the workload of a pod: its controller itself, where nobody knows.
func (o *Observer) workload(p *corev1.Pod, owner *metav1.OwnerReference) *cluster.Workload {
	if owner == nil {
		return nil
	}
	w := o.options.Workload(p)
	if w == nil {
		kind := cluster.OwnerKind(owner)
		w = &cluster.Workload{Kind: kind.Kind, Group: kind.Group, Namespace: p.Namespace, Name: owner.Name, UID: owner.UID, Desired: -1}
	}
	if o.deleted[p.Namespace] {
		ending := *w
		ending.Desired = 0
		w = &ending
	}
	return w
}

// settled says whether it is known what the workload is: of a ReplicaSet that is not
// known it is not known either whose it is.
func settled(w *cluster.Workload) bool {
	return w == nil || w.GroupKind() != cluster.ReplicaSetKind || w.Desired >= 0
}

func (o *Observer) newLoad(w *cluster.Workload, p *corev1.Pod, at time.Time) *load {
	l := &load{key: target.WorkloadKey(w, p), kind: bare, desired: 1, sample: p, first: at, unsettled: !settled(w)}
	if w != nil {
		l.kind, l.desired = cluster.KindName(w.GroupKind()), w.Desired
	}
	if o.deleted[p.Namespace] {
		l.desired = 0
	}
	l.series.worse = worseAvailability
	o.loads[l.key] = l
	o.order = append(o.order, l)
	return l
}

// resolve asks again what an unsettled load is, and returns the load that it turns out
// to be.
func (o *Observer) resolve(l *load, at time.Time) *load {
	w := o.workload(l.sample, metav1.GetControllerOfNoCopy(l.sample))
	if !settled(w) && at.Sub(l.first) < settleAfter {
		return l
	}
	l.unsettled = false
	key := target.WorkloadKey(w, l.sample)
	if key == l.key {
		l.want(o, w.Desired, at)
		l.changed(o, at)
		return l
	}
	delete(o.loads, l.key)
	to := o.loads[key]
	if to == nil {
		to = o.newLoad(w, l.sample, at)
	}
	l.into = to
	to.ready += l.ready
	to.pods += l.pods
	to.missing.take(&l.missing)
	to.changed(o, at)
	return to
}

// over says whether nothing can come of the workload any more: it has no pods and waits
// for none, and has been gone for a while, or nobody has ever known it.
func (l *load) over(at time.Time) bool {
	return l.pods == 0 && len(l.missing.all) == 0 && !l.series.holding &&
		(l.kind == bare || l.desired < 0 || !l.goneSince.IsZero() && at.Sub(l.goneSince) >= settleAfter)
}

// forgetOver forgets the workloads that are over: in a cluster that runs Jobs they would
// never be fewer.
func (o *Observer) forgetOver(at time.Time) {
	before := len(o.order)
	o.order = slices.DeleteFunc(o.order, func(l *load) bool {
		if l.into == nil && !l.over(at) {
			return false
		}
		if o.loads[l.key] == l {
			delete(o.loads, l.key)
		}
		return true
	})
	if len(o.order) == before {
		return
	}
	maps.DeleteFunc(o.byController, func(_ types.UID, l *load) bool {
		to := l.find()
		return o.loads[to.key] != to
	})
}

// refresh asks for a workload anew.
func (o *Observer) refresh(l *load, at time.Time) {
	if l.unsettled {
		l = o.resolve(l, at)
	}
	w := o.workload(l.sample, metav1.GetControllerOfNoCopy(l.sample))
	switch {
	case w != nil && w.Desired >= 0 && target.WorkloadKey(w, l.sample) == l.key:
		l.goneSince = time.Time{}
		l.want(o, w.Desired, at)
	case l.kind == bare || l.desired < 0: // nobody has ever known
	case l.goneSince.IsZero():
		l.goneSince = at
	case at.Sub(l.goneSince) >= settleAfter:
		l.want(o, 0, at)
	}
	if l.desired < 0 {
		return
	}
	for excess := len(l.missing.all) - max(0, l.desired-l.ready); excess > 0; excess-- {
		o.unneeded(l.missing.leastMissed(), fmt.Sprintf("%s has %d desired pods and %d ready ones, so not all lost pods are replaced", l.key, l.desired, l.ready), at)
	}
}
