package executor

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// wave is a wave that is being executed.
type wave struct {
	number, planned int
	// picture, owners and pods are of the cluster as it was when the wave began.
	picture *cluster.Snapshot
	owners  *cluster.Owners
	pods    map[types.UID][]*corev1.Pod // by workload
	// evictions are those that were accepted, or may have been.
	evictions []*eviction
	// workloads are those that have to replace pods.
	workloads []*workload
	// namespaces are those of the wave's pods.
	namespaces map[string]bool
	// grace is the longest grace period of the pods.
	grace time.Duration
	// outage says that the API server did not respond.
	outage bool
	// ready is how many evictions had finished at the last look.
	ready int
}

// eviction is an eviction that is awaited.
type eviction struct {
	move *plan.Move
	// entry is its place in the result.
	entry int
	at    time.Time
	// workload replaces the pod. It is nil if nothing does.
	workload *workload
	// replacement is the pod that replaces it, once known. traded says that it was first assigned
	// to another eviction.
	replacement *corev1.Pod
	traded      bool
	// deferred is set while an admission webhook defers the eviction.
	deferred *deferral
	// beside is set while the pod is moved by a stand-in.
	beside *beside
}

// workload is a workload that has to replace pods.
type workload struct {
	*cluster.Workload
	evictions []*eviction
	// known says that the picture had the pods' controller.
	known bool
	// seen are its pods from before the wave, ready is how many were ready then. Pods of a
	// Job end, so that says nothing of one.
	seen  map[types.UID]bool
	ready int
	// readySince says when pods that came since were first seen ready.
	readySince map[types.UID]time.Time
}

// replaced says whether a replacement of the pod is awaited.
func replaced(m *plan.Move) bool {
	return m.To != "" && metav1.GetControllerOfNoCopy(m.Object) != nil
}

func (r *run) newWave(picture *cluster.Snapshot, units []unit) *wave {
	w := &wave{number: r.result.Waves, picture: picture, owners: cluster.NewOwners(picture), namespaces: map[string]bool{}}
	for _, m := range slices.Concat(units...) {
		w.planned++
		w.namespaces[m.Pod.Namespace] = true
	}
	w.pods = byWorkload(picture, w.owners, w.namespaces)
	return w
}

func (w *wave) progress(waiting string) Progress {
	evicted := 0
	for _, e := range w.evictions {
		if e.deferred == nil && e.beside == nil {
			evicted++
		}
	}
	return Progress{Wave: w.number, Planned: w.planned, Evicted: evicted, Ready: w.ready, Waiting: waiting}
}

// add notes an eviction whose end is to be awaited.
func (w *wave) add(m *plan.Move, entry int, at time.Time, gracePeriodSeconds *int64) *eviction {
	e := &eviction{move: m, entry: entry, at: at}
	w.evictions = append(w.evictions, e)
	if gracePeriodSeconds == nil {
		gracePeriodSeconds = m.Object.Spec.TerminationGracePeriodSeconds
	}
	if seconds := gracePeriodSeconds; seconds != nil {
		w.grace = max(w.grace, time.Duration(*seconds)*time.Second)
	}
	if replaced(m) {
		e.workload = w.workload(m.Object)
		e.workload.evictions = append(e.workload.evictions, e)
	}
	return e
}

// inOrder puts entries of the result, of which the first has the given place, in the order
// of the plan, whichever answer came first.
func (w *wave) inOrder(entries []plan.Eviction, first int, units []unit) {
	order := map[types.UID]int{}
	for i, m := range slices.Concat(units...) {
		order[m.Pod.UID] = i
	}
	slices.SortStableFunc(entries, func(a, b plan.Eviction) int { return cmp.Compare(order[a.Move.Pod.UID], order[b.Move.Pod.UID]) })
	places := map[types.UID]int{}
	for i := range entries {
		places[entries[i].Move.Pod.UID] = first + i
	}
	slices.SortStableFunc(w.evictions, func(a, b *eviction) int { return cmp.Compare(order[a.move.Pod.UID], order[b.move.Pod.UID]) })
	for _, e := range w.evictions {
		e.entry = places[e.move.Pod.UID]
	}
}

// workload returns what replaces the pod.
func (w *wave) workload(pod *corev1.Pod) *workload {
	of := w.owners.Of(pod)
	for _, l := range w.workloads {
		if l.UID == of.UID {
			return l
		}
	}
	l := &workload{Workload: of, known: controllerIn(w.picture, pod), seen: map[types.UID]bool{}, readySince: map[types.UID]time.Time{}}
	for _, pod := range w.pods[of.UID] {
		l.seen[pod.UID] = true
		if of.GroupKind() != cluster.JobKind && up(pod) {
			l.ready++
		}
	}
	w.workloads = append(w.workloads, l)
	return l
}

// byWorkload returns the pods of workloads in the namespaces, terminating ones included.
func byWorkload(picture *cluster.Snapshot, owners *cluster.Owners, namespaces map[string]bool) map[types.UID][]*corev1.Pod {
	pods := map[types.UID][]*corev1.Pod{}
	for _, pod := range picture.Pods {
		if !namespaces[pod.Namespace] {
			continue
		}
		if of := owners.Of(pod); of != nil {
			pods[of.UID] = append(pods[of.UID], pod)
		}
	}
	return pods
}

// up says whether the pod is ready or has succeeded. A failed pod may still be marked as ready for
// a while.
func up(pod *corev1.Pod) bool {
	return stays(pod) && (pod.Status.Phase == corev1.PodSucceeded || disruption.Ready(pod))
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}
