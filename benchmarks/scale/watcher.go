package scale

import (
	"context"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// watcher follows pods and nodes with a client of its own: all times are as it sees them.
type watcher struct {
	mu    sync.Mutex
	now   func() time.Time
	pods  map[types.UID]pod
	nodes map[string]node
	// count is of all pods, and extra of those in the namespace for such.
	count, extra counts
	nodesReady   int
	seen         seen
}

// pod is what the watcher keeps of a pod.
type pod struct {
	// at is when it was first seen, since counting began.
	at time.Time
	// bound pods have a node; leaving ones are being deleted.
	bound, ready, leaving, extra bool
}

// node is what the watcher keeps of a node.
type node struct{ ready, silent bool }

// counts are of pods that are not being deleted; leaving are those that are.
type counts struct{ pods, bound, ready, leaving int }

func (c *counts) add(p pod, sign int) {
	if p.leaving {
		c.leaving += sign
		return
	}
	c.pods += sign
	if p.bound {
		c.bound += sign
	}
	if p.ready {
		c.ready += sign
	}
}

// seen is what has happened since counting began.
type seen struct {
	// created is when the first pod was seen to be there that was not.
	created time.Time
	// binds are when pods were seen to get a node that had none, and took how long each had
	// been there by then, of extra pods only that were seen without.
	binds []time.Time
	took  []time.Duration
	// lost counts pods that were there and went, since firstLost.
	lost      int
	firstLost time.Time
	// silent is when the first node fell silent.
	silent time.Time
}

// watch starts to follow a cluster, until ctx ends. It returns when it has seen what there is.
func watch(ctx context.Context, client kubernetes.Interface) (*watcher, error) {
	w := &watcher{now: time.Now, pods: map[types.UID]pod{}, nodes: map[string]node{}}
	return w, follow.NodesAndPods(ctx, client, follow.Changes{Node: w.node, Pod: w.pod, Trim: trim})
}

// begin begins to count anew.
func (w *watcher) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = seen{}
}

// result returns what has happened since counting began.
func (w *watcher) result() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// state counts all pods, the extra ones among them, and the nodes that are Ready.
func (w *watcher) state() (all, extra counts, nodesReady int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count, w.extra, w.nodesReady
}

// strangers counts the pods that were not there from the start.
func (w *watcher) strangers() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for uid := range w.pods {
		if !strings.HasSuffix(string(uid), bornSuffix) {
			n++
		}
	}
	return n
}

// node is called for every change of a node.
func (w *watcher) node(was, is *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	object, after := is, node{}
	if is == nil {
		object = was
	} else {
		_, silent := is.Labels[undo.SilentLabel]
		after = node{ready: observe.Schedulable(is), silent: silent}
	}
	before := w.nodes[object.Name]
	w.nodes[object.Name] = after
	switch {
	case after.ready && !before.ready:
		w.nodesReady++
	case before.ready && !after.ready:
		w.nodesReady--
	}
	if after.silent && !before.silent && w.seen.silent.IsZero() {
		w.seen.silent = w.now()
	}
}

// pod is called for every change of a pod.
func (w *watcher) pod(was, is *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if is == nil {
		before := w.pods[was.UID]
		w.tally(before, -1)
		if !before.leaving {
			w.lose()
		}
		delete(w.pods, was.UID)
		return
	}
	before, known := w.pods[is.UID]
	after := pod{
		at: before.at, extra: is.Namespace == extraNamespace,
		bound: is.Spec.NodeName != "", ready: observe.Available(is), leaving: is.DeletionTimestamp != nil,
	}
	switch {
	case !known:
		after.at = w.now()
		if w.seen.created.IsZero() {
			w.seen.created = after.at
		}
	default:
		w.tally(before, -1)
	}
	if after.leaving && !before.leaving {
		w.lose()
	}
	if after.bound && !before.bound {
		w.bind(after, known)
	}
	w.tally(after, 1)
	w.pods[is.UID] = after
}

// bind takes note that a pod has got a node. Where the API server has cut off the watch of a
// watcher that was too slow, it may not have been seen before.
func (w *watcher) bind(p pod, known bool) {
	at := w.now()
	w.seen.binds = append(w.seen.binds, at)
	if p.extra && known {
		w.seen.took = append(w.seen.took, at.Sub(p.at))
	}
}

// lose takes note that a pod went.
func (w *watcher) lose() {
	if w.seen.lost++; w.seen.firstLost.IsZero() {
		w.seen.firstLost = w.now()
	}
}

// tally adds a pod to the counts, or takes it off.
func (w *watcher) tally(p pod, sign int) {
	w.count.add(p, sign)
	if p.extra {
		w.extra.add(p, sign)
	}
}

// trim keeps of pods and nodes what the watcher looks at.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID, DeletionTimestamp: o.DeletionTimestamp}}
		trimmed.Spec.NodeName = o.Spec.NodeName
		trimmed.Status.Conditions = o.Status.Conditions
		return trimmed, nil
	case *corev1.Node:
		o.ManagedFields, o.Status.Images = nil, nil
	}
	return obj, nil
}
