package chaos

import (
	"context"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// watcher follows pods, nodes and budgets with a client of its own, and has no part in
// what the tool does: it knows how healthy every budget's pods are at any time, how
// available each workload is, and how long a lost pod takes to be replaced.
type watcher struct {
	mu      sync.Mutex
	now     func() time.Time
	pods    map[types.UID]pod
	budgets map[types.NamespacedName]*budget
	loads   map[types.NamespacedName]*load
	// ready says of each node whether it is, and silent are those that are taken down.
	ready, silent map[string]bool
	changed       time.Time
	seen          seen
}

// seen is what has happened since counting began.
type seen struct {
	evicted, gone map[types.UID]bool
	violations    []violation
	// recoveries are how long lost pods took to be replaced, until nodes came back: then
	// those are replaced, too, that had waited for this.
	recoveries []time.Duration
	// returned is how the workloads were when the first of the lost nodes came back, by
	// their keys; nil while none has.
	returned map[string]standing
}

func newWatcher(now func() time.Time) *watcher {
	return &watcher{
		now: now, pods: map[types.UID]pod{}, budgets: map[types.NamespacedName]*budget{}, loads: map[types.NamespacedName]*load{},
		ready: map[string]bool{}, silent: map[string]bool{}, seen: newSeen(),
	}
}

func newSeen() seen {
	return seen{evicted: map[types.UID]bool{}, gone: map[types.UID]bool{}}
}

// watch starts to follow a cluster, until ctx ends. Also is told of each pod, too.
func watch(ctx context.Context, client kubernetes.Interface, also func(*corev1.Pod)) (*watcher, error) {
	w := newWatcher(time.Now)
	factory := informers.NewSharedInformerFactory(client, 0)
	budgets, err := factory.Policy().V1().PodDisruptionBudgets().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { w.budget(is.(*policyv1.PodDisruptionBudget)) },
		UpdateFunc: func(_, is any) { w.budget(is.(*policyv1.PodDisruptionBudget)) },
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	both := func(was, is *corev1.Pod) {
		w.pod(was, is)
		also(is)
	}
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: w.node, Pod: both, Trim: trim}); err != nil {
		return nil, err
	}
	if !cache.WaitForCacheSync(ctx.Done(), budgets.HasSynced) {
		return nil, context.Cause(ctx)
	}
	return w, nil
}

// expect makes the watcher look at these workloads.
func (w *watcher) expect(fleet *Fleet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, workload := range fleet.Workloads {
		l := &load{Workload: workload}
		w.loads[types.NamespacedName{Namespace: workload.Namespace, Name: workload.Name}] = l
	}
	for _, p := range w.pods {
		w.count(p, 1)
	}
}

// begin begins to count anew.
func (w *watcher) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = newSeen()
	for _, l := range w.loads {
		l.floor, l.waiting = l.ready, nil
	}
	for _, b := range w.budgets {
		b.missing = nil
	}
}

// result returns what has happened since counting began.
func (w *watcher) result() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.seen
	s.violations, s.recoveries = slices.Clone(s.violations), slices.Clone(s.recoveries)
	if s.returned == nil {
		s.returned = w.standings()
	}
	return s
}

// evictions counts the evictions since counting began.
func (w *watcher) evictions() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.seen.evicted)
}

// budget is called for every change of a budget. Its pods are counted anew where it is a new one
// or says something else.
func (w *watcher) budget(pdb *policyv1.PodDisruptionBudget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := newBudget(pdb)
	if old := w.budgets[b.name]; old != nil && old.selector.String() == b.selector.String() {
		old.spec = b.spec
		return
	}
	for _, p := range w.pods {
		if p.healthy && b.covers(p.namespace, p.labels) {
			b.healthy++
		}
	}
	w.budgets[b.name] = b
}

// node is called for every change of a node.
func (w *watcher) node(was, is *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is == nil {
		delete(w.ready, was.Name)
		return
	}
	w.ready[is.Name] = observe.Schedulable(is)
	_, silent := is.Labels[undo.SilentLabel]
	if w.silent[is.Name] && !silent && w.seen.returned == nil {
		w.seen.returned = w.standings()
	}
	w.silent[is.Name] = silent
}

// nodesReady counts the nodes that are Ready, and all.
func (w *watcher) nodesReady() (ready, all int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, is := range w.ready {
		if all++; is {
			ready++
		}
	}
	return ready, all
}

// pod is called for every change of a pod.
func (w *watcher) pod(was, is *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.now()
	w.changed = at
	object := is
	if object == nil {
		object = was
	}
	before, after := w.pods[object.UID], stateOf(object)
	if is == nil { // what was last seen of it may be that it was evicted
		after.healthy, after.pending, after.leaving = false, false, true
		w.note(object.UID, after)
		w.count(before, -1)
		delete(w.pods, object.UID)
	} else {
		w.note(object.UID, after)
		w.count(before, -1)
		w.count(after, 1)
		w.pods[object.UID] = after
	}
	switch {
	case before.healthy && !after.healthy:
		w.lose(object.UID, after, at)
	case !before.healthy && after.healthy:
		w.gain(object.UID, after, at)
	}
}

// note takes note of an eviction, and of a pod that goes, while the nodes are away: when they
// are back, pods go that are too many.
func (w *watcher) note(uid types.UID, p pod) {
	if p.evicted {
		w.seen.evicted[uid] = true
	}
	if p.leaving && w.seen.returned == nil {
		w.seen.gone[uid] = true
	}
}

// lose takes note that a pod is no longer healthy.
func (w *watcher) lose(uid types.UID, p pod, at time.Time) {
	for _, b := range w.budgets {
		if !b.covers(p.namespace, p.labels) {
			continue
		}
		if v := b.lose(missing{uid, p.leaving}, w.expected(b), at); v != nil {
			w.seen.violations = append(w.seen.violations, *v)
		}
	}
	if l := w.loadOf(p); l != nil {
		l.waiting = append(l.waiting, lost{uid, at})
		l.floor = min(l.floor, l.ready)
	}
}

// gain takes note that a pod has become healthy.
func (w *watcher) gain(uid types.UID, p pod, at time.Time) {
	for _, b := range w.budgets {
		if b.covers(p.namespace, p.labels) {
			b.gain(uid)
		}
	}
	l := w.loadOf(p)
	if l == nil || len(l.waiting) == 0 {
		return
	}
	if i := slices.IndexFunc(l.waiting, func(v lost) bool { return v.uid == uid }); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1) // it is back itself: no replacement
		return
	}
	if w.seen.returned == nil {
		w.seen.recoveries = append(w.seen.recoveries, at.Sub(l.waiting[0].at))
	}
	l.waiting = l.waiting[1:]
}

// trim keeps of pods and nodes what the watcher looks at.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, UID: o.UID, Labels: o.Labels, DeletionTimestamp: o.DeletionTimestamp,
		}}
		trimmed.Spec.NodeName = o.Spec.NodeName
		trimmed.Spec.SchedulerName = o.Spec.SchedulerName
		trimmed.Status.Phase, trimmed.Status.Conditions = o.Status.Phase, o.Status.Conditions
		return trimmed, nil
	case *corev1.Node:
		o.ManagedFields, o.Status.Images = nil, nil
	}
	return obj, nil
}
