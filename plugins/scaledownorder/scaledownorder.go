// Package scaledownorder makes scale-downs empty nodes. The controller of a ReplicaSet
// chooses which pods to delete, regardless of how full nodes are, so workloads remove pods
// from different nodes and all nodes remain in use. This package gives pods a deletion cost
// by node, which is the same for all workloads, so that they remove pods from the same nodes.
package scaledownorder

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	schedutil "k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/persist"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "ScaleDownOrder"
	// generation is the period within which nodes count as created at the same time.
	generation = 10 * time.Minute
	// answerPatience is how long a binding without an answer is requested again. Its room is withheld
	// meanwhile.
	answerPatience = 30 * time.Second
	// shuffle is the number of groups into which these are divided, by name.
	shuffle = 64
)

// epoch is the start of costs, so that they are small: Karpenter also uses them, as fractions
// of 2^27.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// ScaleDownOrder is a plugin that binds pods of ReplicaSets and sets their deletion cost.
type ScaleDownOrder struct {
	handle fwk.Handle
	nodes  corelisters.NodeLister
}

var _ fwk.BindPlugin = &ScaleDownOrder{}

// Name returns the name of the plugin.
func (pl *ScaleDownOrder) Name() string {
	return Name
}

// Bind binds the pod to the node, with its deletion cost there. The API server copies the
// annotations of a binding to the pod, so this requires no additional request. All other pods
// are left to the next plugin.
func (pl *ScaleDownOrder) Bind(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	found, err := pl.nodes.Get(node)
	if err != nil || !concerned(pod) {
		return fwk.NewStatus(fwk.Skip)
	}
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
			Annotations: map[string]string{corev1.PodDeletionCost: strconv.FormatInt(cost(found), 10)},
		},
		Target: corev1.ObjectReference{Kind: cluster.NodeKind.Kind, Name: node},
	}
	// A binding that was carried out and not answered would count as failed. Its room would be
	// given to another pod, until the scheduler hears of the binding.
	ctx, cancel := context.WithTimeout(ctx, answerPatience)
	defer cancel()
	err = persist.Answer(ctx, func() error { return pl.request(ctx, binding) })
	if apierrors.IsConflict(err) && pl.isBound(ctx, binding) {
		return nil
	}
	return fwk.AsStatus(err)
}

// request requests the binding.
func (pl *ScaleDownOrder) request(ctx context.Context, binding *corev1.Binding) error {
	cacher := pl.handle.APICacher()
	if cacher == nil {
		return schedutil.BindPod(ctx, pl.handle.ClientSet(), binding)
	}
	finished, err := cacher.BindPod(binding)
	if err != nil {
		return err
	}
	return cacher.WaitOnFinish(ctx, finished)
}

// isBound reports whether the pod is on the node of the binding. It lists the pod, as the scheduler has
// no right to get pods.
func (pl *ScaleDownOrder) isBound(ctx context.Context, binding *corev1.Binding) bool {
	named := metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, binding.Name).String()}
	var pods *corev1.PodList
	err := persist.Do(ctx, func() (err error) {
		pods, err = pl.handle.ClientSet().CoreV1().Pods(binding.Namespace).List(ctx, named)
		return err
	})
	return err == nil && slices.ContainsFunc(pods.Items, func(pod corev1.Pod) bool {
		return pod.UID == binding.UID && pod.Spec.NodeName == binding.Target.Name
	})
}

// respected are annotations of pods that are not changed: their own cost, and limits on
// preemptible nodes, which the remaining replicas could exceed.
var respected = []string{corev1.PodDeletionCost, preemptible.MaxAnnotation, preemptible.OnDemandMinAnnotation}

// concerned reports whether a ReplicaSet may choose the pod by its node: only ReplicaSets use
// the cost, and the workload has neither spread constraints nor limits, which deleting the
// pods of some nodes first could violate.
func concerned(pod *corev1.Pod) bool {
	for _, key := range respected {
		if _, given := pod.Annotations[key]; given {
			return false
		}
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	affinity := pod.Spec.Affinity
	return owner != nil && owner.Kind == "ReplicaSet" &&
		len(pod.Spec.TopologySpreadConstraints) == 0 && (affinity == nil || affinity.PodAntiAffinity == nil)
}

// cost returns the deletion cost of pods on a node. The pods with the lowest cost are deleted
// first. The newer a node, the lower the cost. Among nodes created within ten minutes, for
// example for one burst, the name decides:
//
//	-(64·⌊(created - 2020) / 10 min⌋ + hash(name) mod 64)
func cost(node *corev1.Node) int64 {
	h := fnv.New32a()
	h.Write([]byte(node.Name))
	return -(int64(node.CreationTimestamp.Sub(epoch)/generation)*shuffle + int64(h.Sum32()%shuffle))
}

// New returns the plugin. It takes no arguments.
func New(_ context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	if obj != nil {
		return nil, field.Forbidden(validation.ArgsPath(Name), "the plugin takes no arguments")
	}
	return &ScaleDownOrder{handle: handle, nodes: handle.SharedInformerFactory().Core().V1().Nodes().Lister()}, nil
}
