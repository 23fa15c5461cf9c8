package candidatenodes_test

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
)

// settle waits until the scheduler knows what the API server knows, and nothing is
// going on in the background.
func (e *engine) settle() {
	e.t.Helper()
	var missing string
	defer func() {
		if missing != "" {
			e.t.Log("missing: ", missing)
		}
	}()
	e.within("the scheduler knows everything", func() bool {
		missing = e.missing()
		return missing == ""
	})
	// It is told of pods in their order, so it knows what became of others, their
	// nominations among it, when it knows of one more.
	sentinel := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "sentinel", Name: "sentinel", UID: "sentinel"}, Spec: corev1.PodSpec{SchedulerName: "stowage"}}
	queued := func() bool {
		_, ok := e.sched.SchedulingQueue.GetPod(sentinel.Name, sentinel.Namespace, nil)
		return ok
	}
	e.put(sentinel)
	e.within("the sentinel comes", queued)
	e.remove(sentinel)
	e.within("the sentinel goes", func() bool { return !queued() })
}

// nominated returns the pods that the engine keeps room for, by node.
func (e *engine) nominated() map[string][]string {
	nominated := map[string][]string{}
	for name := range e.sched.Cache.Dump().Nodes {
		for _, info := range e.sched.SchedulingQueue.NominatedPodsForNode(name) {
			nominated[name] = append(nominated[name], info.GetPod().Name)
		}
		slices.Sort(nominated[name])
	}
	return nominated
}

// missing returns something that the scheduler does not know yet.
func (e *engine) missing() string {
	assigned, pending, pods := 0, 0, e.pods()
	for i := range pods {
		pod := &pods[i]
		listed, err := e.factory.Core().V1().Pods().Lister().Pods(pod.Namespace).Get(pod.Name)
		if err != nil || !same(listed, pod) {
			return fmt.Sprintf("the lister has another pod %s", pod.Name)
		}
		if pod.Spec.NodeName != "" {
			assigned++
			cached, err := e.sched.Cache.GetPod(pod)
			if err != nil || !same(cached, pod) {
				return fmt.Sprintf("the cache has another pod %s", pod.Name)
			}
			if assumed, err := e.sched.Cache.IsAssumedPod(pod); assumed || err != nil {
				return fmt.Sprintf("pod %s is assumed only", pod.Name)
			}
			continue
		}
		pending++
		queued, ok := e.sched.SchedulingQueue.GetPod(pod.Name, pod.Namespace, nil)
		if !ok || queued.Pod.UID != pod.UID {
			return fmt.Sprintf("the queue has another pod %s", pod.Name)
		}
		for _, plugin := range e.sched.Profiles[pod.Spec.SchedulerName].PreEnqueuePlugins() {
			if status := plugin.PreEnqueue(context.Background(), pod); !status.IsSuccess() {
				return fmt.Sprintf("pod %s: %s", pod.Name, status.Message())
			}
		}
	}
	if count, err := e.sched.Cache.PodCount(); count != assigned || err != nil {
		return fmt.Sprintf("the cache has %d pods, want %d", count, assigned)
	}
	if waiting, _ := e.sched.SchedulingQueue.PendingPods(); len(waiting) != pending {
		return fmt.Sprintf("the queue has %d pods, want %d", len(waiting), pending)
	}
	return e.missingNode()
}

func (e *engine) missingNode() string {
	list, err := e.client.Tracker().List(nodeResource, corev1.SchemeGroupVersion.WithKind("Node"), "")
	if err != nil {
		return err.Error()
	}
	there := map[string]bool{}
	for i := range list.(*corev1.NodeList).Items {
		node := &list.(*corev1.NodeList).Items[i]
		there[node.Name] = true
		cached, err := e.sched.Cache.GetNode(node.Name)
		if err != nil || cached.Node() == nil || !same(cached.Node(), node) {
			return fmt.Sprintf("the cache has another node %s", node.Name)
		}
	}
	for name, info := range e.sched.Cache.Dump().Nodes {
		if info.Node() != nil && !there[name] {
			return fmt.Sprintf("the cache still has node %s", name)
		}
	}
	return ""
}

// same says whether two objects are the same version of the same.
func same(a, b metav1.Object) bool {
	return a.GetUID() == b.GetUID() && a.GetResourceVersion() == b.GetResourceVersion()
}

// put adds an object to the API server, or replaces it.
func (e *engine) put(obj runtime.Object) {
	e.t.Helper()
	resource, accessor := e.resourceOf(obj)
	e.stamp(accessor)
	err := e.client.Tracker().Update(resource, obj, accessor.GetNamespace())
	if apierrors.IsNotFound(err) {
		err = e.client.Tracker().Create(resource, obj, accessor.GetNamespace())
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.follow(resource, accessor)
}

// remove takes an object away, if it is there.
func (e *engine) remove(obj runtime.Object) {
	e.t.Helper()
	resource, accessor := e.resourceOf(obj)
	if err := e.client.Tracker().Delete(resource, accessor.GetNamespace(), accessor.GetName()); err != nil && !apierrors.IsNotFound(err) {
		e.t.Fatal(err)
	}
	e.follow(resource, accessor)
}

// follow waits until the informers know what has become of an object: the API server in memory
// keeps no more than 100 changes for a watch that is behind, and panics at the next one.
func (e *engine) follow(resource schema.GroupVersionResource, object metav1.Object) {
	e.t.Helper()
	e.mu.Lock()
	watched, now := e.watched[resource], e.versions%32 == 0
	e.mu.Unlock()
	settled := resource == podResource || resource == nodeResource // settle looks at all of these
	if !watched || settled && !now {
		return
	}
	informer, err := e.factory.ForResource(resource)
	if err != nil {
		e.t.Fatal(err)
	}
	key := cache.MetaObjectToName(object).String()
	e.within(fmt.Sprintf("%s %s is known", resource.Resource, key), func() bool {
		known, exists, err := informer.Informer().GetStore().GetByKey(key)
		if err != nil {
			return false
		}
		now, err := e.client.Tracker().Get(resource, object.GetNamespace(), object.GetName())
		if err != nil {
			return apierrors.IsNotFound(err) && !exists
		}
		return exists && same(known.(metav1.Object), now.(metav1.Object))
	})
}

func (e *engine) resourceOf(obj runtime.Object) (schema.GroupVersionResource, metav1.Object) {
	e.t.Helper()
	kinds, _, err := clientscheme.Scheme.ObjectKinds(obj)
	if err != nil {
		e.t.Fatal(err)
	}
	accessor, err := meta.Accessor(obj)
	if err != nil {
		e.t.Fatal(err)
	}
	resource, _ := meta.UnsafeGuessKindToResource(kinds[0])
	return resource, accessor
}
