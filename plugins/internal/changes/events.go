package changes

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"weak"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
)

var healed = metrics.NewCounter(&metrics.CounterOpts{
	Namespace: "stowage", Name: "unannounced_node_changes_total", StabilityLevel: metrics.ALPHA,
	Help: "Nodes that changed in the scheduler's snapshot without an event, and were updated by the comparison of all nodes.",
})

var registerMetrics = sync.OnceFunc(func() { legacyregistry.MustRegister(healed) })

// feeds maps each snapshot to its feed: all plugins of all profiles of a scheduler use the
// same one. Feeds live as long as the plugins, which reference the snapshot.
var feeds = struct {
	sync.Mutex
	of map[weak.Pointer[cache.Snapshot]]weak.Pointer[Feed]
}{of: map[weak.Pointer[cache.Snapshot]]weak.Pointer[Feed]{}}

// Of returns the feed of the scheduler that the handle belongs to. It receives events once
// the handle's informers for nodes and pods run.
func Of(handle fwk.Handle) (*Feed, error) {
	snapshot, ok := handle.SnapshotSharedLister().(*cache.Snapshot)
	if !ok {
		return &Feed{}, nil // a test's: nobody shares it
	}
	key := weak.Make(snapshot)
	feeds.Lock()
	defer feeds.Unlock()
	if feed := feeds.of[key].Value(); feed != nil {
		return feed, nil
	}
	registerMetrics()
	events, err := newEvents(handle.SharedInformerFactory())
	if err != nil {
		return nil, err
	}
	feed := &Feed{events: events}
	feeds.of[key] = weak.Make(feed)
	runtime.AddCleanup(snapshot, func(key weak.Pointer[cache.Snapshot]) {
		feeds.Lock()
		defer feeds.Unlock()
		delete(feeds.of, key)
	}, key)
	return feed, nil
}

// events collects the names of nodes for which events arrived.
type events struct {
	registrations []toolscache.ResourceEventHandlerRegistration
	synced        bool

	mu sync.Mutex
	// names are the collected names, drained those that the last drain returned.
	names, drained map[string]struct{}
	// lost reports that names were dropped because nobody drained them: this replica does not
	// lead.
	lost bool
}

// maxNames limits how many names are collected.
const maxNames = 1 << 16

// newEvents watches nodes and pods.
func newEvents(factory informers.SharedInformerFactory) (*events, error) {
	e := &events{names: map[string]struct{}{}, drained: map[string]struct{}{}}
	core := factory.Core().V1()
	for _, follow := range []struct {
		informer toolscache.SharedIndexInformer
		handle   func(obj any)
	}{{core.Nodes().Informer(), e.node}, {core.Pods().Informer(), e.pod}} {
		registration, err := follow.informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: follow.handle,
			UpdateFunc: func(before, now any) {
				follow.handle(before)
				follow.handle(now)
			},
			DeleteFunc: func(obj any) {
				if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
					obj = unknown.Obj
				}
				follow.handle(obj)
			},
		})
		if err != nil {
			return nil, fmt.Errorf("watching nodes and pods: %w", err)
		}
		e.registrations = append(e.registrations, registration)
	}
	return e, nil
}

func (e *events) node(obj any) {
	if node, ok := obj.(*corev1.Node); ok {
		e.touch(node.Name)
	}
}

func (e *events) pod(obj any) {
	if pod, ok := obj.(*corev1.Pod); ok && pod.Spec.NodeName != "" {
		e.touch(pod.Spec.NodeName)
	}
}

func (e *events) touch(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.names) >= maxNames {
		clear(e.names)
		e.lost = true
	}
	e.names[name] = struct{}{}
}

// reliable reports whether all events arrive here, which requires that the informers run.
// Those of a simulation never do.
func (e *events) reliable() bool {
	if e == nil {
		return false
	}
	if !e.synced {
		for _, registration := range e.registrations {
			if !registration.HasSynced() {
				return false
			}
		}
		e.synced = true
	}
	return true
}

// drain returns the names collected since the last call, and whether some were lost. They are
// valid until the next call.
func (e *events) drain() (names map[string]struct{}, lost bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.drained)
	e.names, e.drained = e.drained, e.names
	lost, e.lost = e.lost, false
	return e.drained, lost
}

// Reserver is embedded by all plugins that use a feed. It tells the feed where the engine
// assumes a pod, for which there is no event.
type Reserver struct {
	Feed *Feed
}

// Reserve notes that the pod is assumed on the node.
func (r Reserver) Reserve(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, nodeName string) *fwk.Status {
	r.touch(nodeName)
	return nil
}

// Unreserve notes that the pod will be removed from the node.
func (r Reserver) Unreserve(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, nodeName string) {
	r.touch(nodeName)
}

func (r Reserver) touch(name string) {
	if r.Feed.events != nil {
		r.Feed.events.touch(name)
	}
}
