package chaos

import (
	"context"
	"encoding/json"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
)

// binder is a scheduler for pods that are to run and never become Ready: it has them run
// before they get a node, so that KWOK, which makes pods Ready that are to be started, finds
// nothing to do. A pod that is made unready afterwards would count as healthy for a moment.
type binder struct {
	client kubernetes.Interface
	nodes  []string
	next   atomic.Int64
	queue  workqueue.TypedRateLimitingInterface[types.NamespacedName]
}

// startBinder starts it, until ctx ends. It is to be told of pods.
func startBinder(ctx context.Context, client kubernetes.Interface, nodes []string) *binder {
	b := &binder{
		client: client, nodes: nodes,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[types.NamespacedName]()),
	}
	context.AfterFunc(ctx, b.queue.ShutDown)
	for range 4 {
		go func() {
			for b.one(ctx) {
			}
		}()
	}
	return b
}

// pod tells it of a pod.
func (b *binder) pod(p *corev1.Pod) {
	if p != nil && p.Spec.SchedulerName == neverReadyScheduler && p.Spec.NodeName == "" && p.DeletionTimestamp == nil {
		b.queue.Add(types.NamespacedName{Namespace: p.Namespace, Name: p.Name})
	}
}

// one places a pod, and tries again later where it could not.
func (b *binder) one(ctx context.Context) bool {
	name, quit := b.queue.Get()
	if quit {
		return false
	}
	defer b.queue.Done(name)
	if err := b.place(ctx, name); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		b.queue.AddRateLimited(name)
		return true
	}
	b.queue.Forget(name)
	return true
}

func (b *binder) place(ctx context.Context, name types.NamespacedName) error {
	unready := func(kind corev1.PodConditionType) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: "NeverReady", LastTransitionTime: metav1.Now()}
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"phase": corev1.PodRunning, "conditions": []corev1.PodCondition{unready(corev1.PodReady), unready(corev1.ContainersReady)},
	}})
	if err != nil {
		return err
	}
	pods := b.client.CoreV1().Pods(name.Namespace)
	if _, err := pods.Patch(ctx, name.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		return err
	}
	node := b.nodes[int(b.next.Add(1))%len(b.nodes)]
	return pods.Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}, metav1.CreateOptions{})
}
