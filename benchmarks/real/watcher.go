package real

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// life is when the watcher saw what of a pod: zero is not yet.
type life struct {
	name, node                            string
	created, bound, started, ready, ended time.Time
}

// watcher follows the pods of a namespace.
type watcher struct {
	mu   sync.Mutex
	pods map[types.UID]life
}

// watch follows the pods of a namespace until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface, ns string) (*watcher, error) {
	w := &watcher{pods: map[types.UID]life{}}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	handler, err := factory.Core().V1().Pods().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { w.see(obj.(*corev1.Pod), time.Now()) },
		UpdateFunc: func(_, obj any) { w.see(obj.(*corev1.Pod), time.Now()) },
		DeleteFunc: func(obj any) {
			if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = gone.Obj
			}
			w.end(obj.(*corev1.Pod).UID, time.Now())
		},
	})
	if err != nil {
		return nil, err
	}
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), handler.HasSynced) {
		return nil, fmt.Errorf("watching pods: %w", context.Cause(ctx))
	}
	return w, nil
}

// see notes what is true of a pod for the first time.
func (w *watcher) see(pod *corev1.Pod, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.pods[pod.UID]
	l.name, l.node = pod.Name, pod.Spec.NodeName
	note := func(at *time.Time, is bool) {
		if is && at.IsZero() {
			*at = now
		}
	}
	note(&l.created, true)
	note(&l.bound, pod.Spec.NodeName != "")
	for _, status := range pod.Status.ContainerStatuses {
		note(&l.started, status.State.Running != nil)
	}
	for _, condition := range pod.Status.Conditions {
		note(&l.ready, condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue)
	}
	note(&l.ended, pod.DeletionTimestamp != nil)
	w.pods[pod.UID] = l
}

func (w *watcher) end(uid types.UID, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.pods[uid]; l.ended.IsZero() {
		l.ended = now
		w.pods[uid] = l
	}
}

// running returns the pods that are Ready, or all that there are, and not on their way out.
func (w *watcher) running(ready bool) []life {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []life
	for _, l := range w.pods {
		if l.ended.IsZero() && (!ready || !l.ready.IsZero()) {
			all = append(all, l)
		}
	}
	return all
}

// since returns the pods that were created after a moment.
func (w *watcher) since(moment time.Time) []life {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []life
	for _, l := range w.pods {
		if l.created.After(moment) {
			all = append(all, l)
		}
	}
	return all
}
