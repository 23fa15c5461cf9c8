package recovery

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// pod is a pod as it was seen last.
type pod struct {
	*corev1.Pod
	load *load
	// ready says that it counts, and was that it did once.
	ready, was bool
	// leaving says that it is on its way out, which nothing turns back.
	leaving bool
	// lost is its own loss while that waits, and standsFor the loss of the pod in whose
	// place it was created.
	lost, standsFor *victim
	// before is the pod that it replaces, and was created before that went.
	before types.UID
}

// ended says whether the pod has come to its end.
func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// completed says whether the pod has done what it was for. One that is told to end may end well,
// too: that is what a Job wants of it, and nobody else.
func (p *pod) completed() bool {
	return p.Status.Phase == corev1.PodSucceeded && (p.DeletionTimestamp == nil || p.load.kind == "Job")
}

// seen takes a pod as it is.
func (o *Observer) seen(is *corev1.Pod, at time.Time) {
	is = member(is)
	p := o.pods[is.UID]
	leaving := is.DeletionTimestamp != nil || ended(is)
	if p == nil {
		p = &pod{Pod: is, load: o.loadOf(is, at), before: standin.For(is)}
		o.pods[is.UID] = p
		if p.before != "" {
			o.standIns[p.before] = p
		}
		p.load.pods++
		if !leaving && !o.drawn[is.UID].evicted {
			o.created(p)
		}
	}
	p.Pod = is
	p.load = p.load.find()
	if p.load.unsettled {
		p.load = o.resolve(p.load, at)
	}
	p.load.sample = is
	switch ready := disruption.Ready(is) && !leaving && !p.leaving; {
	case p.leaving && p.lost != nil && p.load.kind == "Job" && p.completed():
		o.unneeded(p.lost, "it has completed", at)
	case leaving || o.drawn[is.UID].evicted:
		o.leave(p, at)
	case ready && !p.ready:
		o.becameReady(p, at)
	case !ready && p.ready:
		o.becameUnready(p, at)
		o.lose(p, at)
	}
}

// gone takes note that there is no such pod any more.
func (o *Observer) gone(uid types.UID, at time.Time) {
	if p := o.pods[uid]; p != nil {
		p.load = p.load.find()
		o.leave(p, at)
		delete(o.pods, uid)
		delete(o.standIns, p.before)
		p.load.find().pods--
	}
	delete(o.drawn, uid)
	delete(o.returning, uid)
	if o.began.IsZero() {
		o.buried[uid] = true
	}
}

// created takes a new pod as the one that stands in for a lost one.
func (o *Observer) created(p *pod) {
	if v := p.load.missing.next(p.load.kind, p.Name); v != nil {
		v.standIn, p.standsFor = p, v
	}
}

func (o *Observer) becameReady(p *pod, at time.Time) {
	first := !p.was
	p.ready, p.was = true, true
	p.load.ready++
	switch {
	case p.lost != nil:
		o.recovered(p.lost, p, at)
	case p.standsFor != nil:
		o.recovered(p.standsFor, p, at)
	case first:
		if v := p.load.missing.next(p.load.kind, p.Name); v != nil {
			o.recovered(v, p, at)
		}
	}
	p.load.changed(o, at)
}

func (o *Observer) becameUnready(p *pod, at time.Time) {
	p.ready = false
	p.load.ready--
	if p.load.kind == bare && p.completed() {
		p.load.desired = 0 // it is done
	}
	p.load.changed(o, at)
}

// leave takes note that a pod is on its way out. One that was ready, or is drawn, is
// lost, unless it has done what it was for.
func (o *Observer) leave(p *pod, at time.Time) {
	if p.leaving {
		return
	}
	p.leaving = true
	wasReady := p.ready
	if wasReady {
		o.becameUnready(p, at)
	}
	_, drawn := o.drawn[p.UID]
	switch {
	case p.completed():
		if p.lost != nil {
			o.unneeded(p.lost, "it has completed", at)
		}
	case p.lost == nil && (wasReady || drawn):
		o.lose(p, at)
		if v := p.lost; v != nil && !p.was {
			o.unneeded(v, "it was not ready yet when it was removed", at)
		}
	}
	if v := p.standsFor; v != nil {
		v.standIn, p.standsFor = nil, nil
		v.load.find().missing.expect(v)
	}
	if p.lost != nil {
		p.load.missing.expect(p.lost)
	}
}

// lose writes a loss, and waits for the replacement.
func (o *Observer) lose(p *pod, at time.Time) {
	if old := o.pods[p.before]; o.began.IsZero() || old != nil && !old.leaving {
		return // a stand-in is one pod more until its pod goes
	}
	o.losses++
	v := &victim{Victim: journal.VictimOf(target.Pod{Pod: p.Pod, Rank: -1}), lostAt: at, number: o.losses, load: p.load, of: p}
	if d, drawn := o.drawn[p.UID]; drawn {
		v.Victim, v.drawn = d.victim, true
		if !d.since.IsZero() && d.since.Before(at) {
			v.lostAt = d.since
		}
		delete(o.drawn, p.UID)
		o.summary.Drawn++
		o.awaited++
	} else {
		o.summary.Others++
	}
	v.Workload = p.load.key
	o.summary.Waiting++
	p.lost = v
	p.load.missing.add(v)
	o.write(v.lostAt, journal.Record{Lost: &journal.Lost{Victim: v.Victim, Drawn: v.drawn, Budgets: o.covering(p.Pod)}})
	switch {
	case p.load.kind == bare:
		o.unneeded(v, "a pod without a workload is not replaced", at)
	case o.returning[p.UID]:
		o.unneeded(v, "it comes back with its node", at)
	case o.standIns[p.UID] != nil && o.standIns[p.UID].ready:
		o.recovered(v, o.standIns[p.UID], at)
	}
}

// member returns a stand-in as the pod of its ReplicaSet that it is about to be, and other pods as
// they are.
func member(p *corev1.Pod) *corev1.Pod {
	if !cluster.IsStandIn(p) || metav1.GetControllerOfNoCopy(p) != nil {
		return p
	}
	p = p.DeepCopy()
	for i := range p.OwnerReferences {
		p.OwnerReferences[i].Controller = ptr.To(cluster.OwnerKind(&p.OwnerReferences[i]) == cluster.ReplicaSetKind)
	}
	return p
}

// recovered writes that a pod has taken the place of a victim.
func (o *Observer) recovered(v *victim, by *pod, at time.Time) {
	o.forget(v, by)
	o.summary.Recovered++
	o.write(at, journal.Record{Recovered: &journal.Recovered{
		Victim: v.Victim, LostAt: v.lostAt, Seconds: max(0, at.Sub(v.lostAt).Seconds()), Replacement: by.Name, ReplacementUID: string(by.UID),
		Node: by.Spec.NodeName,
	}})
}

// unneeded writes that a victim is not waited for any more.
func (o *Observer) unneeded(v *victim, reason string, at time.Time) {
	o.forget(v, nil)
	o.summary.Unneeded++
	o.write(at, journal.Record{Unneeded: &journal.Unneeded{Victim: v.Victim, Reason: reason}})
}

// forget ends the waiting for a victim. A pod that was created in its place, and is not
// what ended it, stands in for another.
func (o *Observer) forget(v *victim, by *pod) {
	l := v.load.find()
	l.missing.remove(v)
	v.of.lost = nil
	o.summary.Waiting--
	if v.drawn {
		o.awaited--
	}
	v.Workload = l.key
	standIn := v.standIn
	if standIn == nil {
		return
	}
	v.standIn, standIn.standsFor = nil, nil
	if standIn != by {
		o.created(standIn)
	}
}
