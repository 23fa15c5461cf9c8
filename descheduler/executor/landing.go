package executor

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// conclude records where the wave's replacements landed, and whether that is an improvement.
func (r *run) conclude(w *wave) error {
	if len(w.evictions) == 0 {
		return nil
	}
	picture := r.Cluster.Snapshot()
	pods := byWorkload(picture, cluster.NewOwners(picture), w.namespaces)
	for _, l := range w.workloads {
		l.match(pods[l.UID])
		r.complete(l, w.picture, picture)
	}
	asPlanned := true
	var landed []*eviction
	for _, e := range w.evictions {
		if e.replacement == nil {
			continue
		}
		r.done.Replacements[e.replacement.UID] = true
		node := e.replacement.Spec.NodeName
		if node == "" {
			continue
		}
		landed = append(landed, e)
		e.note(&r.result.Evictions[e.entry])
		asPlanned = asPlanned && expected(e.move, node)
	}
	r.differs = r.differs || !asPlanned
	useless := r.landings.useless
	err := r.judge(w, picture, landed)
	useless = r.landings.useless - useless
	if useless < len(w.evictions) {
		r.vain = 0
	}
	return err
}

// complete records which of a Job's evicted pods have completed: as many of those without a
// replacement as have succeeded since before the wave.
func (r *run) complete(l *workload, before, now *cluster.Snapshot) {
	succeeded := func(picture *cluster.Snapshot) int32 {
		if i := slices.IndexFunc(picture.Jobs, func(job *batchv1.Job) bool { return job.UID == l.UID }); i >= 0 {
			return picture.Jobs[i].Status.Succeeded
		}
		return 0
	}
	n := succeeded(now) - succeeded(before)
	for _, e := range l.evictions {
		if e.replacement == nil && n > 0 {
			r.result.Evictions[e.entry].Completed = true
			n--
		}
	}
}

// note writes down where the replacement landed.
func (e *eviction) note(entry *plan.Eviction) {
	node := e.replacement.Spec.NodeName
	entry.LandedOn, entry.Returned, entry.ReadyAfter = node, node == e.move.From, 0
	if since, ready := e.workload.readySince[e.replacement.UID]; ready {
		entry.ReadyAfter = max(since.Sub(e.at), time.Nanosecond)
	}
}

// expected says whether the plan has the replacement on the node, or possibly there.
func expected(m *plan.Move, node string) bool {
	return node == m.To || slices.Contains(m.Possible, node)
}

// match assigns the workload's new pods to its evictions. The pods are all alike, so each
// eviction gets one that landed as planned, if there is one.
func (l *workload) match(pods []*corev1.Pod) {
	var came []*corev1.Pod
	for _, pod := range pods {
		if !l.seen[pod.UID] && stays(pod) {
			came = append(came, pod)
		}
	}
	slices.SortFunc(came, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, suits := range []func(*eviction, *corev1.Pod) bool{
		func(e *eviction, pod *corev1.Pod) bool { return pod.Name == e.move.Pod.Name },
		func(e *eviction, pod *corev1.Pod) bool { return pod.Spec.NodeName == e.move.To },
		func(e *eviction, pod *corev1.Pod) bool { return expected(e.move, pod.Spec.NodeName) },
		func(*eviction, *corev1.Pod) bool { return true },
	} {
		for _, e := range l.evictions {
			if e.replacement != nil {
				continue
			}
			if i := slices.IndexFunc(came, func(pod *corev1.Pod) bool { return suits(e, pod) }); i >= 0 {
				e.replacement = came[i]
				came = slices.Delete(came, i, i+1)
			}
		}
	}
}

// judge evaluates the landings by the moves' objectives, in the planner's order: each assumes
// that those before it are done. Landings on nodes that no longer exist are not evaluated.
func (r *run) judge(w *wave, picture *cluster.Snapshot, landed []*eviction) error {
	picture = withoutLeaving(picture)
	state := strategy.NewState(picture, labels.Everything())
	landed = slices.DeleteFunc(landed, func(e *eviction) bool {
		return state.Node(e.replacement.Spec.NodeName) == nil || state.Node(e.move.From) == nil
	})
	there := podsOf(picture)
	for _, e := range landed {
		state.Remove(e.replacement)
		if there[e.move.Pod.UID] == nil {
			state.Add(e.move.Object)
		}
	}
	// A landing may be an improvement together with all others of the wave, which need not have
	// happened in the order of the plan. This is rarely needed.
	end := sync.OnceValue(func() *strategy.State { return strategy.NewState(picture, labels.Everything()) })
	of := landings{}
	var useless []*eviction
	for begin, next := 0, 0; begin < len(landed); begin = next {
		for next = begin; next < len(landed) && (next == begin || together(landed[begin].move, landed[next].move)); next++ {
			state.Remove(landed[next].move.Object)
		}
		for _, e := range landed[begin:next] {
			node := e.replacement.Spec.NodeName
			if e.move.Objective.Gain(state, e.move.Object, node) <= 0 && !e.gainsBesideAll(end()) {
				useless = append(useless, e)
			}
			of.seen++
			state.AddReplacement(e.replacement, e.move.Object)
		}
	}
	for _, e := range useless {
		if other := e.trade(landed, end()); other != nil {
			e.note(&r.result.Evictions[e.entry])
			other.note(&r.result.Evictions[other.entry])
		}
	}
	for _, e := range useless {
		if !e.traded {
			r.result.Evictions[e.entry].Useless = true
			of.useless++
		}
	}
	r.landings.seen += of.seen
	r.landings.useless += of.useless
	if err := of.check(fmt.Sprintf("in wave %d", w.number)); err != nil {
		return err
	}
	return r.landings.check("in this run")
}

// withoutLeaving returns the snapshot without pods that are leaving. The plan assumes that the
// pods it moves are gone. Some are by now, others still use their grace period.
func withoutLeaving(picture *cluster.Snapshot) *cluster.Snapshot {
	stay := *picture
	stay.Pods = slices.DeleteFunc(slices.Clone(picture.Pods), cluster.Leaving)
	return &stay
}

// gainsBesideAll says whether the landing is an improvement in a state with all landings.
func (e *eviction) gainsBesideAll(state *strategy.State) bool {
	state.Remove(e.replacement)
	defer state.Add(e.replacement)
	return e.move.Objective.Gain(state, e.move.Object, e.replacement.Spec.NodeName) > 0
}

// trade exchanges the replacement with that of another pod of the workload, if both are then
// improvements, and returns that pod's eviction. Replacements of a workload are all alike, so
// it is unknown which one replaces which pod: the strategies of a policy may move several at
// once, each for its own reason, and the scheduler may place them in any order.
func (e *eviction) trade(landed []*eviction, state *strategy.State) *eviction {
	for _, other := range landed {
		if e.traded || other == e || other.workload != e.workload {
			continue
		}
		e.replacement, other.replacement = other.replacement, e.replacement
		if e.gainsBesideAll(state) && other.gainsBesideAll(state) {
			e.traded, other.traded = true, true
			return other
		}
		e.replacement, other.replacement = other.replacement, e.replacement
	}
	return nil
}

func together(a, b *plan.Move) bool { return a.Together != 0 && a.Together == b.Together }
