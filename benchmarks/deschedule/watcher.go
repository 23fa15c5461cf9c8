package deschedule

import (
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// watcher follows pods, knows how many of each workload are available, and counts
// evictions. It is independent of who evicts.
type watcher struct {
	mu sync.Mutex
	// pods are those that there are.
	pods    map[types.UID]podState
	changed time.Time
	now     func() time.Time
	// watched says what the pods' workloads want. Pods of other workloads do not count.
	watched map[string]*watched
	// known are the pods that were there when counting began.
	known map[types.UID]bool
	seen  seen
}

// podState is what the watcher keeps of a pod.
type podState struct {
	placement
	// ready pods are not on their way out.
	ready, unschedulable, evicted bool
}

// watched is a workload that the watcher looks at.
type watched struct {
	// desired is how many replicas it wants, and required how many its budget does.
	desired, required int
	pods, ready       int
	// downSince is since when no pod is ready; zero if one is. down is for how long that was so
	// before, since counting began.
	downSince time.Time
	down      time.Duration
}

// seen is what has happened since counting began.
type seen struct {
	// evicted holds a pod for each eviction, landed each pod that has been created since.
	evicted []placement
	landed  map[types.UID]placement
	// evictedPods are the evictions by pod.
	evictedPods map[types.UID]bool
	// left are the pods that were there when counting began and are gone, whoever took them away.
	left []placement
	// down is for how long each workload was without a ready pod.
	down []time.Duration
	// lowest is the lowest fraction of a workload's replicas that were ready.
	lowest float64
	// broken counts the moments at which a pod ceased to be ready where its budget asks
	// for more than there were then.
	broken int
}

// watch starts to follow the pods of a cluster, until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface) (*watcher, error) {
	w := &watcher{pods: map[types.UID]podState{}, now: time.Now}
	ignore := func(_, _ *corev1.Node) {}
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: ignore, Pod: w.change, Trim: trim}); err != nil {
		return nil, err
	}
	return w, nil
}

// expect makes the watcher look at these workloads, and no others.
func (w *watcher) expect(workloads []Workload) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched = map[string]*watched{}
	for _, workload := range workloads {
		required := 0
		if workload.MaxUnavailable > 0 || workload.Frozen {
			required = len(workload.Nodes) - workload.MaxUnavailable
		}
		w.watched[workload.Name] = &watched{desired: len(workload.Nodes), required: required}
	}
	for _, pod := range w.pods {
		w.count(pod, 1)
	}
}

// begin begins to count anew.
func (w *watcher) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = map[types.UID]bool{}
	for uid := range w.pods {
		w.known[uid] = true
	}
	w.seen = seen{landed: map[types.UID]placement{}, evictedPods: map[types.UID]bool{}, lowest: math.Inf(1)}
	for _, workload := range w.watched {
		w.seen.lowest = min(w.seen.lowest, workload.available())
		workload.down, workload.downSince = 0, time.Time{}
		workload.noteDown(w.now())
	}
}

// result returns what has happened since counting began.
func (w *watcher) result() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	result := w.seen
	result.evicted, result.landed, result.left = slices.Clone(w.seen.evicted), maps.Clone(w.seen.landed), slices.Clone(w.seen.left)
	for _, workload := range w.watched {
		down := workload.down
		if !workload.downSince.IsZero() {
			down += w.now().Sub(workload.downSince)
		}
		result.down = append(result.down, down)
	}
	return result
}

// placements lists the pods that have been created since counting began.
func (s seen) placements() []placement {
	var landed []placement
	for _, p := range s.landed {
		landed = append(landed, p)
	}
	return landed
}

// change is called for every change of a pod.
func (w *watcher) change(was, is *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = w.now()
	if is == nil {
		w.noteEviction(was.UID, stateOf(was)) // the last that was to be seen of it
		w.drop(was.UID)
		return
	}
	before := w.pods[is.UID]
	state := stateOf(is)
	w.count(before, -1)
	w.count(state, 1)
	w.pods[is.UID] = state
	w.noteDown(state.app)
	w.noteEviction(is.UID, state)
	if w.seen.landed != nil && !w.known[is.UID] {
		w.seen.landed[is.UID] = state.placement
	}
	if before.ready && !state.ready {
		w.noteAvailability(state.app)
	}
}

// drop forgets a pod that is gone.
func (w *watcher) drop(uid types.UID) {
	before := w.pods[uid]
	w.count(before, -1)
	delete(w.pods, uid)
	if w.known[uid] && w.watched[before.app] != nil {
		w.seen.left = append(w.seen.left, before.placement)
	}
	w.noteDown(before.app)
	if before.ready {
		w.noteAvailability(before.app)
	}
}

// count adds a pod to what its workload has, or takes it off.
func (w *watcher) count(pod podState, sign int) {
	workload := w.watched[pod.app]
	if workload == nil {
		return
	}
	workload.pods += sign
	if pod.ready {
		workload.ready += sign
	}
}

// noteDown takes note of whether a workload has a ready pod.
func (w *watcher) noteDown(app string) {
	if workload := w.watched[app]; workload != nil {
		workload.noteDown(w.now())
	}
}

func (w *watched) noteDown(now time.Time) {
	switch down := w.ready == 0; {
	case down && w.downSince.IsZero():
		w.downSince = now
	case !down && !w.downSince.IsZero():
		w.down += now.Sub(w.downSince)
		w.downSince = time.Time{}
	}
}

// noteAvailability takes note that a workload has one ready replica less.
func (w *watcher) noteAvailability(app string) {
	workload := w.watched[app]
	if workload == nil {
		return
	}
	w.seen.lowest = min(w.seen.lowest, workload.available())
	if workload.ready < workload.required {
		w.seen.broken++
	}
}

func (w *watcher) noteEviction(uid types.UID, state podState) {
	if !state.evicted || w.seen.evictedPods == nil || w.seen.evictedPods[uid] || w.watched[state.app] == nil {
		return
	}
	w.seen.evictedPods[uid] = true
	w.seen.evicted = append(w.seen.evicted, state.placement)
}

// available returns the fraction of the replicas that are ready.
func (w *watched) available() float64 { return float64(w.ready) / float64(w.desired) }

// ready counts the pods of the workloads that are ready, and those that were expected.
func (w *watcher) ready() (ready, desired int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, workload := range w.watched {
		ready, desired = ready+workload.ready, desired+workload.desired
	}
	return ready, desired
}

// nodes returns the nodes of the pods of each workload, in order.
func (w *watcher) nodes() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	nodes := map[string][]string{}
	for _, pod := range w.pods {
		nodes[pod.app] = append(nodes[pod.app], pod.node)
	}
	for _, list := range nodes {
		slices.Sort(list)
	}
	return nodes
}

// left counts the pods that there are, whosever they are.
func (w *watcher) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pods)
}

// settled says that every workload has the pods that it wants, ready or with no node to
// go to, that none is on its way out, and for how long nothing has changed.
func (w *watcher) settled() (settled bool, quiet time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	settled, quiet = true, w.now().Sub(w.changed)
	for _, workload := range w.watched {
		settled = settled && workload.pods == workload.desired
	}
	for _, pod := range w.pods {
		settled = settled && (pod.ready || pod.unschedulable)
	}
	return settled, quiet
}

func stateOf(pod *corev1.Pod) podState {
	return podState{
		placement: placement{app: pod.Labels[appLabel], node: pod.Spec.NodeName},
		ready:     observe.Available(pod), evicted: observe.Evicted(pod),
		unschedulable: slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
		}),
	}
}

// trim keeps of a pod what the watcher looks at.
func trim(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, DeletionTimestamp: pod.DeletionTimestamp,
		Labels: map[string]string{appLabel: pod.Labels[appLabel]},
	}}
	trimmed.Spec.NodeName = pod.Spec.NodeName
	trimmed.Status.Conditions = pod.Status.Conditions
	return trimmed, nil
}
