package ask

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// addition is a node that the cluster does not have, with the pods of DaemonSets that it would
// have.
type addition struct {
	like, node *corev1.Node
	pods       []*corev1.Pod
	storage    *storagev1.CSINode // nil if the node it is like has none
	placed     int
}

// like returns one more node like the given one, as it would join the cluster.
func (w *World) like(node *corev1.Node, name string) *addition {
	made := node.DeepCopy()
	made.Name, made.UID, made.CreationTimestamp = name, types.UID(name), metav1.Time{}
	made.Spec.ProviderID, made.Spec.Unschedulable = "", false
	if made.Labels == nil {
		made.Labels = map[string]string{}
	}
	made.Labels[corev1.LabelHostname] = name
	made.Spec.Taints = slices.DeleteFunc(made.Spec.Taints, transient)
	made.Status.Images, made.DeletionTimestamp = nil, nil
	a := &addition{like: node, node: made}
	for _, pod := range w.picture.Pods {
		if pod.Spec.NodeName == node.Name && cluster.Holds(pod) && cluster.BelongsToNode(pod) {
			pod = pod.DeepCopy()
			pod.Name, pod.UID, pod.Spec.NodeName = pod.Name+"-"+name, types.UID(string(pod.UID)+"-"+name), name
			a.pods = append(a.pods, pod)
		}
	}
	for _, other := range w.picture.Others {
		if storage, is := other.(*storagev1.CSINode); is && storage.Name == node.Name {
			a.storage = storage.DeepCopy()
			a.storage.Name, a.storage.UID = name, types.UID(name)
		}
	}
	return a
}

// add adds a node to the world, and remove takes it away again.
func (w *World) add(a *addition) error {
	a.placed = 0
	w.sim.AddNode(a.node)
	if a.storage != nil {
		if err := w.sim.Store(a.storage); err != nil {
			return err
		}
	}
	for _, pod := range a.pods {
		if err := w.sim.AddPod(pod); err != nil {
			return fmt.Errorf("adding node %s: %w", a.node.Name, err)
		}
		a.placed++
	}
	return nil
}

func (w *World) remove(a *addition) error {
	var errs []error
	for _, pod := range a.pods[:a.placed] {
		errs = append(errs, w.sim.RemovePod(pod))
	}
	if a.storage != nil {
		errs = append(errs, w.sim.Forget(a.storage))
	}
	return errors.Join(append(errs, w.sim.RemoveNode(a.node))...)
}

// free returns what the pods of a new node leave of it.
func (a *addition) free() cluster.Amounts {
	free := cluster.Allocatable(a.node)
	for _, pod := range a.pods {
		free.Add(cluster.Requests(pod), -1)
	}
	return free
}

// transient says whether a taint tells the state of a node, and not what the node is for.
func transient(taint corev1.Taint) bool {
	return strings.HasPrefix(taint.Key, "node.kubernetes.io/") || strings.HasPrefix(taint.Key, "node.cloudprovider.kubernetes.io/") ||
		cluster.TaintedBy(&corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint}}}, cluster.RemovalTaints()) != ""
}

// KindOf describes nodes that are alike: by pool, instance type or size,
// whether they are preemptible, and taints.
func KindOf(node *corev1.Node) string {
	var parts []string
	if pool := cluster.PoolOf(node); pool != "" {
		parts = append(parts, "pool "+pool)
	}
	if instance := node.Labels[corev1.LabelInstanceTypeStable]; instance != "" {
		parts = append(parts, instance)
	} else {
		parts = append(parts, size(node))
	}
	if preemptible.Known().Preemptible(node) {
		parts = append(parts, "preemptible")
	}
	var taints []string
	for _, taint := range node.Spec.Taints {
		if !transient(taint) && taint.Effect != corev1.TaintEffectPreferNoSchedule {
			taints = append(taints, taint.ToString())
		}
	}
	slices.Sort(taints)
	if len(taints) > 0 {
		parts = append(parts, "taint "+strings.Join(taints, " and "))
	}
	return strings.Join(parts, ", ")
}

// size describes a node by what it offers. Nodes of one type differ by some megabytes.
func size(node *corev1.Node) string {
	allocatable := cluster.Allocatable(node)
	offers := []string{
		fmt.Sprintf("%v CPU", float64(allocatable[corev1.ResourceCPU])/1000),
		fmt.Sprintf("%.0f GiB", float64(allocatable[corev1.ResourceMemory])/(1<<30)),
	}
	for _, name := range slices.Sorted(maps.Keys(allocatable)) {
		if strings.Contains(string(name), "/") && allocatable[name] > 0 {
			offers = append(offers, fmt.Sprintf("%d %s", allocatable[name], name))
		}
	}
	return strings.Join(offers, " and ")
}
