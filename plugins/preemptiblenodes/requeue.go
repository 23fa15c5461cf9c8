package preemptiblenodes

import (
	"context"
	"fmt"
	"maps"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/util"
)

// EventsToRegister returns the events after which a pod that this plugin rejected may fit: a
// changed annotation of the pod, a sibling that ends or that makes the workload larger, and a
// node that is added, changed or deleted. Changes of workloads and namespaces are handled by
// followWorkloads, because the cache behind the engine's own events for these may be older or
// newer than the one that this plugin reads.
func (pl *PreemptibleNodes) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.TargetPod, ActionType: fwk.Update}, QueueingHintFn: pl.hintForItself},
		{Event: fwk.ClusterEvent{Resource: fwk.AssignedPod, ActionType: fwk.Add | fwk.Update | fwk.Delete}, QueueingHintFn: pl.hintForSibling},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.Delete | fwk.UpdateNodeLabel | fwk.UpdateNodeTaint}, QueueingHintFn: pl.hintForNode},
	}, nil
}

// hintForItself retries the pod if its policy or controller has changed.
func (pl *PreemptibleNodes) hintForItself(_ klog.Logger, _ *corev1.Pod, oldObj, newObj any) (fwk.QueueingHint, error) {
	before, now, err := util.As[*corev1.Pod](oldObj, newObj)
	if err != nil {
		return fwk.Queue, err
	}
	if before != nil && now != nil && maps.Equal(before.Annotations, now.Annotations) && controllerOf(before) == controllerOf(now) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// hintForSibling retries the pod if a sibling is being deleted, has ended or has another
// controller. For new siblings, see hintForNewSibling.
func (pl *PreemptibleNodes) hintForSibling(_ klog.Logger, pod *corev1.Pod, oldObj, newObj any) (fwk.QueueingHint, error) {
	before, now, err := util.As[*corev1.Pod](oldObj, newObj)
	if err != nil {
		return fwk.Queue, err
	}
	if before == nil {
		return pl.hintForNewSibling(pod, now), nil
	}
	if !counts(before) || now != nil && counts(now) && controllerOf(before) == controllerOf(now) {
		return fwk.QueueSkip, nil
	}
	own, err := pl.workloads.of(pod)
	if err != nil {
		return fwk.Queue, nil // unknown: the next attempt will find out
	}
	if own.controllers[controllerOf(before)] {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}

// hintForNewSibling retries the pod if another pod was bound that is an additional replica of
// a workload that wants as many as it has: the cap may have risen.
func (pl *PreemptibleNodes) hintForNewSibling(pod, placed *corev1.Pod) fwk.QueueingHint {
	if owner := controllerOf(pod); owner == "" || owner != controllerOf(placed) || !counts(placed) {
		return fwk.QueueSkip
	}
	if own, err := pl.workloads.of(pod); err == nil && own.desired != unknownReplicas {
		return fwk.QueueSkip
	}
	return fwk.Queue
}

// hintForNode retries the pod if a node was added or deleted, or has become another kind of
// node.
func (pl *PreemptibleNodes) hintForNode(_ klog.Logger, _ *corev1.Pod, oldObj, newObj any) (fwk.QueueingHint, error) {
	before, now, err := util.As[*corev1.Node](oldObj, newObj)
	if err != nil {
		return fwk.Queue, err
	}
	r := pl.nodes.recognizer
	switch {
	case before == nil:
		if r.Notified(now) {
			return fwk.QueueSkip, nil
		}
		return fwk.Queue, nil
	case now == nil:
		if r.Preemptible(before) {
			return fwk.Queue, nil // the replicas on it no longer count
		}
		return fwk.QueueSkip, nil
	case r.Preemptible(before) != r.Preemptible(now) || r.Notified(before) && !r.Notified(now):
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}

// controllerOf returns the UID of a pod's direct controller, or "" if it has none.
func controllerOf(pod *corev1.Pod) types.UID {
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		return owner.UID
	}
	return ""
}

// waiting are the pods that may have to wait for a change of their workload or namespace.
type waiting struct {
	mu sync.Mutex
	// byController holds pods by UID, by the UID of their direct controller, which is known
	// even if the cache does not contain the workload.
	byController map[types.UID]map[types.UID]*corev1.Pod
	controllers  map[types.UID]types.UID // by the UID of the pod
}

func newWaiting() *waiting {
	return &waiting{byController: map[types.UID]map[types.UID]*corev1.Pod{}, controllers: map[types.UID]types.UID{}}
}

func (w *waiting) add(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(pod.UID)
	controller := controllerOf(pod)
	if w.byController[controller] == nil {
		w.byController[controller] = map[types.UID]*corev1.Pod{}
	}
	w.byController[controller][pod.UID] = pod
	w.controllers[pod.UID] = controller
}

// remove forgets a pod that no longer waits.
func (w *waiting) remove(pod types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(pod)
}

func (w *waiting) drop(pod types.UID) {
	controller, known := w.controllers[pod]
	if !known {
		return
	}
	delete(w.controllers, pod)
	if delete(w.byController[controller], pod); len(w.byController[controller]) == 0 {
		delete(w.byController, controller)
	}
}

// of returns the pods of the controllers, by UID.
func (w *waiting) of(controllers ...types.UID) map[string]*corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]*corev1.Pod{}
	for _, controller := range controllers {
		for uid, pod := range w.byController[controller] {
			found[string(uid)] = pod
		}
	}
	return found
}

// in returns the pods of the namespace, by UID.
func (w *waiting) in(namespace string) map[string]*corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]*corev1.Pod{}
	for _, pods := range w.byController {
		for uid, pod := range pods {
			if pod.Namespace == namespace {
				found[string(uid)] = pod
			}
		}
	}
	return found
}

// wait registers the pod for changes. It does not if the pod was deleted or has a node by
// now, because no event would remove it.
func (pl *PreemptibleNodes) wait(pod *corev1.Pod) {
	pl.waiting.add(pod)
	known, err := pl.pods.Pods(pod.Namespace).Get(pod.Name)
	if err != nil || known.UID != pod.UID || known.Spec.NodeName != "" {
		pl.waiting.remove(pod.UID)
	}
}

// followWorkloads retries pods when the source of their policy changes: the workload, or the
// namespace. At that time, the cache contains the change.
func (pl *PreemptibleNodes) followWorkloads(ctx context.Context, factory informers.SharedInformerFactory, handle fwk.Handle) error {
	logger := klog.FromContext(ctx)
	wake := func(pods map[string]*corev1.Pod) {
		if len(pods) > 0 {
			handle.Activate(logger, pods)
		}
	}
	workload := func(obj any) {
		if object, err := meta.Accessor(obj); err == nil {
			wake(pl.waiting.of(pl.workloads.concerned(object)...))
		}
	}
	namespace := func(obj any) {
		if n, ok := obj.(*corev1.Namespace); ok {
			wake(pl.waiting.in(n.Name))
		}
	}
	for _, follow := range []struct {
		informer cache.SharedIndexInformer
		changed  func(any)
	}{
		{factory.Apps().V1().Deployments().Informer(), workload},
		{factory.Apps().V1().ReplicaSets().Informer(), workload},
		{factory.Apps().V1().StatefulSets().Informer(), workload},
		{factory.Core().V1().ReplicationControllers().Informer(), workload},
		{factory.Batch().V1().Jobs().Informer(), workload},
		{factory.Core().V1().Namespaces().Informer(), namespace},
	} {
		_, err := follow.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: follow.changed,
			UpdateFunc: func(before, now any) {
				switch {
				case replaced(before, now):
					follow.changed(before)
					follow.changed(now)
				case matters(before, now):
					follow.changed(now)
				}
			},
			DeleteFunc: func(obj any) { follow.changed(lastKnown(obj)) }, // its pods no longer count
		})
		if err != nil {
			return fmt.Errorf("watching workloads: %w", err)
		}
	}
	return pl.followPods(factory)
}

// followPods forgets pods that no longer wait.
func (pl *PreemptibleNodes) followPods(factory informers.SharedInformerFactory) error {
	_, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		UpdateFunc: func(_, now any) {
			if pod := now.(*corev1.Pod); pod.Spec.NodeName != "" {
				pl.forget(pod)
			}
		},
		DeleteFunc: func(obj any) {
			if pod, ok := lastKnown(obj).(*corev1.Pod); ok {
				pl.forget(pod)
			}
		},
	})
	if err != nil {
		return fmt.Errorf("watching pods: %w", err)
	}
	return nil
}

// forget forgets a pod that no longer waits.
func (pl *PreemptibleNodes) forget(pod *corev1.Pod) {
	pl.waiting.remove(pod.UID)
	pl.blind.remove(pod.UID)
}

// lastKnown returns the last known state of an object that an informer reports as deleted.
func lastKnown(obj any) any {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		return gone.Obj
	}
	return obj
}

// replaced reports whether the object is another one of the same name: after a disconnect, a
// deletion and a creation arrive as one change.
func replaced(before, now any) bool {
	old, err := meta.Accessor(before)
	if err != nil {
		return false
	}
	object, err := meta.Accessor(now)
	return err == nil && old.GetUID() != object.GetUID()
}

// matters reports whether anything except the status changed.
func matters(before, now any) bool {
	switch now := now.(type) {
	case *appsv1.Deployment:
		return !equality.Semantic.DeepEqual(before.(*appsv1.Deployment).Spec.Replicas, now.Spec.Replicas)
	case *appsv1.ReplicaSet:
		old := before.(*appsv1.ReplicaSet)
		return !equality.Semantic.DeepEqual(old.Spec.Replicas, now.Spec.Replicas) || !equality.Semantic.DeepEqual(old.OwnerReferences, now.OwnerReferences)
	case *appsv1.StatefulSet:
		return !equality.Semantic.DeepEqual(before.(*appsv1.StatefulSet).Spec.Replicas, now.Spec.Replicas)
	case *corev1.ReplicationController:
		return !equality.Semantic.DeepEqual(before.(*corev1.ReplicationController).Spec.Replicas, now.Spec.Replicas)
	case *batchv1.Job:
		old := before.(*batchv1.Job)
		return !equality.Semantic.DeepEqual(old.Spec.Parallelism, now.Spec.Parallelism) || !equality.Semantic.DeepEqual(old.Spec.Completions, now.Spec.Completions)
	case *corev1.Namespace:
		return !maps.Equal(before.(*corev1.Namespace).Annotations, now.Annotations)
	}
	return true
}
