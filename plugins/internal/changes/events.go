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

// feeds are the feeds of all snapshots: one is used by all plugins of all profiles of
// a scheduler. They live as long as those: plugins hold their snapshot.
var feeds = struct {
	sync.Mutex
	of map[weak.Pointer[cache.Snapshot]]weak.Pointer[Feed]
}{of: map[weak.Pointer[cache.Snapshot]]weak.Pointer[Feed]{}}

// Of returns the feed of the scheduler that the handle belongs to. It hears of events
// once the handle's informers for nodes and pods run.
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

// events gathers the names of nodes that events were about.
type events struct {
	registrations []toolscache.ResourceEventHandlerRegistration
	synced        bool

	mu sync.Mutex
	// names is what was gathered, drained what the last drain returned.
	names, drained map[string]struct{}
	// lost says that names were dropped, as nobody asked for them: the scheduler is not
	// the one that leads, and nodes come and go.
	lost bool
}

// maxNames is how many names are gathered at most.
const maxNames = 1 << 16

// newEvents follows nodes and pods.
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

// reliable says whether all that happens comes here: the informers run. Those of a
// simulation never do.
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

// drain returns the names gathered since the last call, and whether some were lost.
// They are good until the next.
func (e *events) drain() (names map[string]struct{}, lost bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.drained)
	e.names, e.drained = e.drained, e.names
	lost, e.lost = e.lost, false
	return e.drained, lost
}

// Reserver is a part of every plugin that goes by a feed: it says where the engine
// assumes a pod to be, of which no event tells.
type Reserver struct {
	Feed *Feed
}

// Reserve notes that the pod has come to the node.
func (r Reserver) Reserve(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, nodeName string) *fwk.Status {
	r.touch(nodeName)
	return nil
}

// Unreserve notes that the pod is about to leave the node.
func (r Reserver) Unreserve(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, nodeName string) {
	r.touch(nodeName)
}

func (r Reserver) touch(name string) {
	if r.Feed.events != nil {
		r.Feed.events.touch(name)
	}
}
