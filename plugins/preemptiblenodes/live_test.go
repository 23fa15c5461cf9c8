package preemptiblenodes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// activated is a handle that keeps what is activated.
type activated struct {
	fwk.Handle
	factory informers.SharedInformerFactory
	events  *events.FakeRecorder

	mu   sync.Mutex
	pods map[string]bool
}

func (*activated) SnapshotSharedLister() fwk.SharedLister { return nil }

func (h *activated) SharedInformerFactory() informers.SharedInformerFactory { return h.factory }
func (h *activated) EventRecorder() events.EventRecorderLogger              { return h.events }

func (h *activated) Activate(_ klog.Logger, pods map[string]*corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range pods {
		h.pods[p.Name] = true
	}
}

// take returns what was activated since it was last called, but for the sentinels.
func (h *activated) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer clear(h.pods)
	maps.DeleteFunc(h.pods, func(name string, _ bool) bool { return strings.HasPrefix(name, "sentinel-") })
	return slices.Sorted(maps.Keys(h.pods))
}

func (h *activated) has(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pods[name]
}

// live is the plugin at an API server.
type live struct {
	t      *testing.T
	client *fake.Clientset
	handle *activated
	plugin *PreemptibleNodes
	rounds int
}

// followed are the kinds of objects that the plugin follows.
const followed = 8

func newLive(t *testing.T, objects ...runtime.Object) *live {
	t.Helper()
	l := &live{t: t, client: fake.NewClientset(objects...)}
	watches := l.countWatches()
	l.handle = &activated{factory: informers.NewSharedInformerFactory(l.client, 0), events: events.NewFakeRecorder(100), pods: map[string]bool{}}
	pl, err := New(t.Context(), defaultArgs(), l.handle)
	if err != nil {
		t.Fatal(err)
	}
	l.plugin = pl.(*PreemptibleNodes)
	l.handle.factory.Start(t.Context().Done())
	t.Cleanup(l.handle.factory.Shutdown)
	l.handle.factory.WaitForCacheSync(t.Context().Done())
	l.within("every kind is watched", func() bool { return watches() == followed })
	l.within("every node is seen", l.plugin.alarm.synced)
	l.settle()
	return l
}

// countWatches counts the kinds that are watched: what the fake client is told of an
// object before its kind is watched goes unnoticed.
func (l *live) countWatches() func() int {
	var mu sync.Mutex
	watched := map[schema.GroupVersionResource]bool{}
	l.client.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := l.client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		mu.Lock()
		defer mu.Unlock()
		watched[action.GetResource()] = true
		return true, w, err
	})
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(watched)
	}
}

// settle waits until the plugin has been told of all that happened so far. Changes of
// one kind are told in their order, so one more of each kind that is noticed tells.
func (l *live) settle() {
	l.t.Helper()
	l.rounds++
	var sentinels []*corev1.Pod
	for _, kind := range []string{"deployment", "replicaset", "statefulset", "controller", "job", "namespace"} {
		name := fmt.Sprintf("sentinel-%d-%s", l.rounds, kind)
		p := owned(pod(name, nil), "example.com/v1", "Sentinel", name, types.UID(name))
		p.Namespace = name
		sentinels = append(sentinels, p)
		l.plugin.waiting.add(p)
		object := named(name)
		object.Namespace = name
		var err error
		switch ctx := l.t.Context(); kind {
		case "deployment":
			_, err = l.client.AppsV1().Deployments(name).Create(ctx, &appsv1.Deployment{ObjectMeta: object}, metav1.CreateOptions{})
		case "replicaset":
			_, err = l.client.AppsV1().ReplicaSets(name).Create(ctx, &appsv1.ReplicaSet{ObjectMeta: object}, metav1.CreateOptions{})
		case "statefulset":
			_, err = l.client.AppsV1().StatefulSets(name).Create(ctx, &appsv1.StatefulSet{ObjectMeta: object}, metav1.CreateOptions{})
		case "controller":
			_, err = l.client.CoreV1().ReplicationControllers(name).Create(ctx, &corev1.ReplicationController{ObjectMeta: object}, metav1.CreateOptions{})
		case "job":
			_, err = l.client.BatchV1().Jobs(name).Create(ctx, &batchv1.Job{ObjectMeta: object}, metav1.CreateOptions{})
		case "namespace":
			object.Namespace = ""
			_, err = l.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: object}, metav1.CreateOptions{})
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
	for _, p := range sentinels {
		l.within(p.Name+" is noticed", func() bool { return l.handle.has(p.Name) })
		l.plugin.waiting.remove(p.UID)
	}
}

// try schedules a pod that goes nowhere, so it waits.
func (l *live) try(pods ...*corev1.Pod) {
	for _, p := range pods {
		l.plugin.PreFilter(l.t.Context(), framework.NewCycleState(), p, nil)
	}
}

// within waits until the condition holds.
func (l *live) within(what string, condition func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("never: %s", what)
		}
	}
}
