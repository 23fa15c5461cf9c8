package preemptiblenodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const (
	// heldFor is the maximum time that a pod is held while its workload is not in the cache.
	// Then the gate is removed, and the plugin reports the error.
	heldFor = 10 * time.Second
	// gatekeepers is the number of concurrent requests.
	gatekeepers = 16
	// controllerIndex indexes pods by the UID of their controller.
	controllerIndex = "stowage.dev/controller"
)

// Gatekeeper removes preemptible.LimitGate from pods, and adds node affinity for their side
// of the workload's limit. Only one may be active in a cluster.
type Gatekeeper struct {
	client kubernetes.Interface
	pods   cache.SharedIndexInformer
	clock  clock.Clock
	// awaited is closed when there is a gated pod.
	awaited     chan struct{}
	onceAwaited sync.Once

	mu sync.Mutex
	// queue has the gated pods; nil while another replica is active.
	queue    workqueue.TypedRateLimitingInterface[cache.ObjectName]
	profiles map[string]*PreemptibleNodes // by the name of the scheduler
	siblings *siblings
}

// NewGatekeeper returns a Gatekeeper for the cluster of the handle.
func NewGatekeeper(handle fwk.Handle) (*Gatekeeper, error) {
	registerGateMetrics()
	g := &Gatekeeper{
		client:   handle.ClientSet(),
		pods:     handle.SharedInformerFactory().Core().V1().Pods().Informer(),
		clock:    clock.RealClock{},
		awaited:  make(chan struct{}),
		profiles: map[string]*PreemptibleNodes{},
	}
	g.siblings = newSiblings(g.pods.GetIndexer())
	err := g.pods.AddIndexers(cache.Indexers{controllerIndex: byController})
	if err != nil {
		return nil, fmt.Errorf("indexing pods by their controllers: %w", err)
	}
	_, err = g.pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { g.see(obj.(*corev1.Pod)) },
		UpdateFunc: func(was, now any) {
			if before := was.(*corev1.Pod); before.UID != now.(*corev1.Pod).UID {
				g.forget(before) // its deletion was missed
			}
			g.see(now.(*corev1.Pod))
		},
		DeleteFunc: func(obj any) {
			if pod, ok := lastKnown(obj).(*corev1.Pod); ok {
				g.forget(pod)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	return g, nil
}

// Serve registers a profile and its plugin's arguments.
func (g *Gatekeeper) Serve(profile string, pl *PreemptibleNodes) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.profiles[profile] = pl
}

// Awaited returns a channel that is closed when there is a gated pod.
func (g *Gatekeeper) Awaited() <-chan struct{} { return g.awaited }

// Run processes pods until the context ends.
func (g *Gatekeeper) Run(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), g.pods.HasSynced) {
		return
	}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[cache.ObjectName](20*time.Millisecond, time.Second))
	g.mu.Lock()
	g.queue = queue
	g.mu.Unlock()
	for _, obj := range g.pods.GetIndexer().List() {
		g.see(obj.(*corev1.Pod))
	}
	var workers sync.WaitGroup
	for range gatekeepers {
		workers.Go(func() {
			defer utilruntime.HandleCrashWithContext(ctx)
			for g.next(ctx, queue) {
			}
		})
	}
	<-ctx.Done()
	queue.ShutDown()
	workers.Wait()
}

// byController implements controllerIndex.
func byController(obj any) ([]string, error) {
	if pod, ok := obj.(*corev1.Pod); ok {
		if uid := controllerOf(pod); uid != "" {
			return []string{string(uid)}, nil
		}
	}
	return nil, nil
}

func gated(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.SchedulingGates, func(gate corev1.PodSchedulingGate) bool { return gate.Name == preemptible.LimitGate })
}

// see processes a pod that is new or has changed.
func (g *Gatekeeper) see(pod *corev1.Pod) {
	if !gated(pod) {
		g.forget(pod)
		return
	}
	g.look(pod)
	if g.serving(pod.Spec.SchedulerName) == nil || pod.DeletionTimestamp != nil {
		return
	}
	g.onceAwaited.Do(func() { close(g.awaited) })
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queue != nil {
		g.queue.Add(cache.MetaObjectToName(pod))
	}
}

func (g *Gatekeeper) serving(profile string) *PreemptibleNodes {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.profiles[profile]
}

func (g *Gatekeeper) look(pod *corev1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.siblings.look(pod)
}

func (g *Gatekeeper) forget(pod *corev1.Pod) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.siblings.forget(pod)
}

// next processes the next pod, and reports whether there may be more.
func (g *Gatekeeper) next(ctx context.Context, queue workqueue.TypedRateLimitingInterface[cache.ObjectName]) bool {
	name, over := queue.Get()
	if over {
		return false
	}
	defer queue.Done(name)
	err := g.tell(ctx, name)
	switch {
	case err == nil || ctx.Err() != nil:
		queue.Forget(name)
	case errors.Is(err, errNotKnownYet), apierrors.IsConflict(err):
		queue.AddRateLimited(name)
	default:
		klog.FromContext(ctx).Error(err, "Failed to remove the scheduling gate for limits on preemptible nodes; the pod waits until it is removed", "pod", name, "gate", preemptible.LimitGate)
		queue.AddRateLimited(name)
	}
	return true
}

// tell determines the side of the pod and removes its gate.
func (g *Gatekeeper) tell(ctx context.Context, name cache.ObjectName) error {
	obj, exists, err := g.pods.GetIndexer().GetByKey(name.String())
	if err != nil || !exists {
		return err
	}
	pod := obj.(*corev1.Pod)
	pl := g.serving(pod.Spec.SchedulerName)
	if pl == nil || !gated(pod) || pod.DeletionTimestamp != nil {
		return nil
	}
	to, err := g.decide(pl, pod)
	if err != nil {
		return err
	}
	patch, err := ungate(pod, pl.confine(pod, to))
	if err != nil {
		return err
	}
	_, err = g.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	switch {
	case apierrors.IsNotFound(err):
		g.forget(pod) // it may have been deleted before it was counted
		return nil
	case err != nil:
		g.forget(pod)
		return err
	}
	toldPods.WithLabelValues(string(to)).Inc()
	heldSeconds.Observe(g.clock.Since(pod.CreationTimestamp.Time).Seconds())
	return nil
}

// decide returns the pod's side, and counts it from now on, so that no two replicas get the
// same place. It does not change until the gate is removed.
func (g *Gatekeeper) decide(pl *PreemptibleNodes, pod *corev1.Pod) (side, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if to, known := g.siblings.told[pod.UID]; known {
		return to, nil
	}
	to, err := pl.sideOf(pod, g.siblings)
	if errors.Is(err, errNotKnownYet) && g.clock.Since(pod.CreationTimestamp.Time) < heldFor {
		return "", err
	}
	if err != nil {
		to = anywhere // the plugin reports the error and rejects the pod
	}
	g.siblings.tell(pod, to)
	return to, nil
}

// ungate returns a patch that removes the gate and sets the affinity in one request, because
// the affinity is only mutable while there are gates. It fails if the pod has changed.
func ungate(pod *corev1.Pod, affinity *corev1.Affinity) ([]byte, error) {
	spec := map[string]any{"schedulingGates": []map[string]string{{"$patch": "delete", "name": preemptible.LimitGate}}}
	if !equality.Semantic.DeepEqual(affinity, pod.Spec.Affinity) {
		spec["affinity"] = map[string]any{"nodeAffinity": affinity.NodeAffinity}
	}
	return json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID, "resourceVersion": pod.ResourceVersion},
		"spec":     spec,
	})
}
