package candidatenodes_test

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/events"
	"k8s.io/kubernetes/pkg/scheduler"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins"
)

var (
	podResource  = corev1.SchemeGroupVersion.WithResource("pods")
	nodeResource = corev1.SchemeGroupVersion.WithResource("nodes")
	firstStart   = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

// patience is how long something may take that happens in the background.
const patience = 20 * time.Second

// engine is the real scheduler at an API server in memory, which binds pods and
// removes them as others would. Nothing is scheduled but by schedule.
type engine struct {
	t        testing.TB
	client   *fake.Clientset
	factory  informers.SharedInformerFactory
	sched    *scheduler.Scheduler
	recorder *recorder
	turn     atomic.Pointer[types.UID]
	filled   bool // the API server has all fields of pods and nodes

	mu       sync.Mutex
	watched  map[schema.GroupVersionResource]bool
	victims  []string
	graceful bool // pods that are deleted stay for a while
	started  int  // pods
	versions int  // of objects
}

// newEngine returns a scheduler with the profiles, and nothing in its cluster. It knows
// Stowage's plugins, and others.
func newEngine(t testing.TB, profiles []schedulerconfig.KubeSchedulerProfile, others frameworkruntime.Registry, options ...scheduler.Option) *engine {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	e := &engine{t: t, client: fake.NewSimpleClientset(), recorder: &recorder{}, watched: map[schema.GroupVersionResource]bool{}}
	e.client.PrependReactor("create", "pods", e.bind)
	e.client.PrependReactor("patch", "pods", e.patch)
	e.client.PrependReactor("delete", "pods", e.evict)
	e.client.PrependWatchReactor("*", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := e.client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		e.mu.Lock()
		defer e.mu.Unlock()
		e.watched[action.GetResource()] = true
		return true, w, err
	})
	e.factory = scheduler.NewInformerFactory(e.client, 0, nil)
	registry := plugins.NewRegistry()
	maps.Copy(registry, others)
	profiles = e.inTurn(profiles, registry)
	var err error
	e.sched, err = scheduler.New(ctx, e.client, e.factory, nil, func(string) events.EventRecorderLogger { return e.recorder },
		append([]scheduler.Option{
			scheduler.WithProfiles(profiles...), scheduler.WithFrameworkOutOfTreeRegistry(registry), scheduler.WithParallelism(1),
		}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	e.factory.Start(ctx.Done())
	t.Cleanup(func() {
		cancel()
		e.sched.SchedulingQueue.Close()
		e.factory.Shutdown()
	})
	e.within("every kind is watched, and its handlers are told", func() bool {
		now, cancel := context.WithTimeout(ctx, time.Millisecond) // else the engine looks every 100 ms
		defer cancel()
		kinds := e.factory.WaitForCacheSync(now.Done())
		e.mu.Lock()
		defer e.mu.Unlock()
		for _, synced := range kinds {
			if !synced {
				return false
			}
		}
		return len(e.watched) >= len(kinds) && e.sched.WaitForHandlersSync(now) == nil
	})
	return e
}

// within waits until the condition holds.
func (e *engine) within(what string, condition func() bool) {
	e.t.Helper()
	wait := 50 * time.Microsecond
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(wait) {
		if time.Now().After(deadline) {
			e.t.Fatalf("never: %s", what)
		}
		wait = min(2*wait, 5*time.Millisecond)
	}
}

// bind does what the API server and the kubelet do with a binding.
func (e *engine) bind(action clienttesting.Action) (bool, runtime.Object, error) {
	binding, ok := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
	if !ok {
		return false, nil, nil
	}
	obj, err := e.client.Tracker().Get(podResource, action.GetNamespace(), binding.Name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*corev1.Pod).DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	e.start(pod)
	return true, binding, e.update(pod)
}

// stamp gives an object that is written a version of its own.
func (e *engine) stamp(object metav1.Object) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.versions++
	object.SetResourceVersion(strconv.Itoa(e.versions))
}

// update replaces a pod.
func (e *engine) update(pod *corev1.Pod) error {
	e.stamp(pod)
	return e.client.Tracker().Update(podResource, pod, pod.Namespace)
}

// patch changes a pod, and its version.
func (e *engine) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	_, obj, err := clienttesting.ObjectReaction(e.client.Tracker())(action)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*corev1.Pod).DeepCopy()
	return true, pod, e.update(pod)
}

// start has a pod run. No two start at the same time, so that preemption can always
// tell which started last.
func (e *engine) start(pod *corev1.Pod) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started++
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &metav1.Time{Time: firstStart.Add(time.Duration(e.started) * time.Minute)}
}

// evict notes which pods are deleted by the scheduler.
func (e *engine) evict(action clienttesting.Action) (bool, runtime.Object, error) {
	name := action.(clienttesting.DeleteAction).GetName()
	e.mu.Lock()
	e.victims = append(e.victims, action.GetNamespace()+"/"+name)
	graceful := e.graceful
	e.mu.Unlock()
	if !graceful {
		return false, nil, nil
	}
	obj, err := e.client.Tracker().Get(podResource, action.GetNamespace(), name)
	if err != nil {
		return true, nil, err
	}
	pod := obj.(*corev1.Pod).DeepCopy()
	pod.DeletionTimestamp = &metav1.Time{Time: firstStart}
	return true, nil, e.update(pod)
}

// pods returns every pod of the API server.
func (e *engine) pods() []corev1.Pod {
	e.t.Helper()
	list, err := e.client.Tracker().List(podResource, corev1.SchemeGroupVersion.WithKind("Pod"), "")
	if err != nil {
		e.t.Fatal(err)
	}
	return list.(*corev1.PodList).Items
}

// pod returns a pod as the API server has it; nil, if it has not.
func (e *engine) pod(namespace, name string) *corev1.Pod {
	e.t.Helper()
	obj, err := e.client.Tracker().Get(podResource, namespace, name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		e.t.Fatal(err)
	}
	return obj.(*corev1.Pod)
}
