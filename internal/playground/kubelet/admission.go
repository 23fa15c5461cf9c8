// Package kubelet adds a function of kubelets to KWOK's fake nodes: it rejects pods for which
// a node has no room. On real nodes, this happens if two schedulers place pods on a node at
// the same time.
package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/workqueue"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// ReasonPrefix is the prefix of the status reason of a rejected pod. The resource follows, as
// in OutOfcpu.
const ReasonPrefix = "OutOf"

// admission decides on pods in the order in which they reach their nodes.
type admission struct {
	client   kubernetes.Interface
	refusals workqueue.TypedRateLimitingInterface[refusal]

	mu    sync.Mutex
	nodes map[string]*room
	// pods holds the decision for each pod that has a node.
	pods map[types.UID]decision
}

// room is the allocatable of a node and the requests of the pods admitted to it. An unknown
// node has no allocatable, and admits all pods.
type room struct {
	allocatable, requested cluster.Amounts
}

// decision is the decision for a pod: it is admitted to a node, or rejected.
type decision struct {
	node     string
	requests cluster.Amounts
	refusal  *refusal
}

// refusal is the status of a rejected pod.
type refusal struct {
	namespace, name string
	uid             types.UID
	reason, message string
}

// Start decides on the pods of all nodes until ctx ends. It returns when it has seen all
// existing pods.
func Start(ctx context.Context, client kubernetes.Interface) error {
	a := &admission{
		client:   client,
		refusals: workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[refusal]()),
		nodes:    map[string]*room{},
		pods:     map[types.UID]decision{},
	}
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: a.changeNode, Pod: a.changePod, Trim: trim}); err != nil {
		return err
	}
	context.AfterFunc(ctx, a.refusals.ShutDown)
	go func() {
		for a.writeNext(ctx) {
		}
	}()
	return nil
}

func (a *admission) changeNode(was, is *corev1.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if is == nil {
		// Keep the requests of its pods, which may outlive it, because it may return.
		a.room(was.Name).allocatable = nil
		return
	}
	if is.Annotations[pool.FakeAnnotation] != pool.Fake {
		return // a real node has its own kubelet
	}
	a.room(is.Name).allocatable = cluster.Allocatable(is)
}

// room returns the room of a node.
func (a *admission) room(node string) *room {
	if a.nodes[node] == nil {
		a.nodes[node] = &room{requested: cluster.Amounts{}}
	}
	return a.nodes[node]
}

func (a *admission) changePod(was, is *corev1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case is == nil:
		a.release(was.UID)
		delete(a.pods, was.UID)
		return
	case is.Spec.NodeName == "":
		return
	case !cluster.Holds(is):
		a.release(is.UID)
		return
	}
	d, decided := a.pods[is.UID]
	if !decided {
		d = a.decide(is)
		a.pods[is.UID] = d
	}
	// Repeat this whenever the pod has not ended, because KWOK may have set it to running.
	if d.refusal != nil {
		a.refusals.Add(*d.refusal)
	}
}

// decide admits a pod to its node, or rejects it.
func (a *admission) decide(pod *corev1.Pod) decision {
	room := a.room(pod.Spec.NodeName)
	requests := cluster.Requests(withoutDevices(pod, room.allocatable))
	if room.allocatable != nil {
		free := cluster.Amounts{}
		free.Add(room.allocatable, 1)
		free.Add(room.requested, -1)
		if resource, lacking := requests.Exceeding(free); lacking {
			return decision{refusal: &refusal{
				namespace: pod.Namespace, name: pod.Name, uid: pod.UID,
				reason: ReasonPrefix + string(resource),
				message: fmt.Sprintf("Pod was rejected: the node has not enough %s: requested %d, used %d, capacity %d",
					resource, requests[resource], room.requested[resource], room.allocatable[resource]),
			}}
		}
	}
	room.requested.Add(requests, 1)
	return decision{node: pod.Spec.NodeName, requests: requests}
}

// withoutDevices removes the extended resources that a kubelet does not count either from the
// pod's requests: those for which its claim provides devices, and those that the node does
// not have.
func withoutDevices(pod *corev1.Pod, allocatable cluster.Amounts) *corev1.Pod {
	claimed := map[corev1.ContainerExtendedResourceRequest]bool{}
	if status := pod.Status.ExtendedResourceClaimStatus; status != nil {
		for _, mapping := range status.RequestMappings {
			claimed[corev1.ContainerExtendedResourceRequest{ContainerName: mapping.ContainerName, ResourceName: mapping.ResourceName}] = true
		}
	}
	counted := pod.DeepCopy()
	for _, containers := range [][]corev1.Container{counted.Spec.InitContainers, counted.Spec.Containers} {
		for _, container := range containers {
			maps.DeleteFunc(container.Resources.Requests, func(name corev1.ResourceName, _ resource.Quantity) bool {
				_, has := allocatable[name]
				return claimed[corev1.ContainerExtendedResourceRequest{ContainerName: container.Name, ResourceName: string(name)}] ||
					v1helper.IsExtendedResourceName(name) && !has
			})
		}
	}
	return counted
}

// release subtracts the requests of an admitted pod, once.
func (a *admission) release(uid types.UID) {
	if d := a.pods[uid]; d.requests != nil {
		a.room(d.node).requested.Add(d.requests, -1)
		a.pods[uid] = decision{refusal: d.refusal}
	}
}

// writeNext writes the next rejection to its pod's status. It returns false at the end of the
// queue.
func (a *admission) writeNext(ctx context.Context) bool {
	r, shutdown := a.refusals.Get()
	if shutdown {
		return false
	}
	defer a.refusals.Done(r)
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": r.uid},
		"status":   map[string]any{"phase": corev1.PodFailed, "reason": r.reason, "message": r.message},
	})
	if err == nil {
		_, err = a.client.CoreV1().Pods(r.namespace).Patch(ctx, r.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	}
	// A deleted pod, or another one of its name, needs no rejection.
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		a.refusals.Forget(r)
	} else {
		a.refusals.AddRateLimited(r)
	}
	return true
}

// trim removes unused fields of a pod, because there may be very many.
func trim(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}}
	trimmed.Spec.NodeName, trimmed.Spec.Overhead, trimmed.Spec.Resources = pod.Spec.NodeName, pod.Spec.Overhead, pod.Spec.Resources
	trimmed.Spec.Containers, trimmed.Spec.InitContainers = trimContainers(pod.Spec.Containers), trimContainers(pod.Spec.InitContainers)
	trimmed.Status.Phase, trimmed.Status.ExtendedResourceClaimStatus = pod.Status.Phase, pod.Status.ExtendedResourceClaimStatus
	return trimmed, nil
}

func trimContainers(containers []corev1.Container) []corev1.Container {
	trimmed := make([]corev1.Container, len(containers))
	for i, c := range containers {
		trimmed[i] = corev1.Container{Name: c.Name, Resources: c.Resources, RestartPolicy: c.RestartPolicy}
	}
	return trimmed
}
