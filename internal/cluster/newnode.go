package cluster

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// NewNode is a node that the cluster does not have.
type NewNode struct {
	*corev1.Node
	// Pods are those that belong to the node: of DaemonSets, and static ones.
	Pods []*corev1.Pod
	// Storage is nil if the node that it is like has none.
	Storage *storagev1.CSINode
}

// NewNode returns one more node like the given one of the snapshot, as it would join the cluster.
func (s *Snapshot) NewNode(like *corev1.Node, name string) NewNode {
	made := like.DeepCopy()
	made.Name, made.UID, made.CreationTimestamp = name, types.UID(name), metav1.Time{}
	made.Spec.ProviderID, made.Spec.Unschedulable = "", false
	if made.Labels == nil {
		made.Labels = map[string]string{}
	}
	made.Labels[corev1.LabelHostname] = name
	made.Spec.Taints = slices.DeleteFunc(made.Spec.Taints, TransientTaint)
	made.Status.Images, made.DeletionTimestamp = nil, nil
	n := NewNode{Node: made}
	for _, pod := range s.Pods {
		if pod.Spec.NodeName == like.Name && Holds(pod) && BelongsToNode(pod) {
			pod = pod.DeepCopy()
			pod.Name, pod.UID, pod.Spec.NodeName = pod.Name+"-"+name, types.UID(string(pod.UID)+"-"+name), name
			n.Pods = append(n.Pods, pod)
		}
	}
	for _, other := range s.Others {
		if storage, is := other.(*storagev1.CSINode); is && storage.Name == like.Name {
			n.Storage = storage.DeepCopy()
			n.Storage.Name, n.Storage.UID = name, types.UID(name)
		}
	}
	return n
}

// With returns the snapshot with more nodes. It shares what it has with the original.
func (s *Snapshot) With(nodes ...NewNode) *Snapshot {
	more := *s
	more.Nodes, more.Pods, more.Others = slices.Clone(s.Nodes), slices.Clone(s.Pods), slices.Clone(s.Others)
	for _, node := range nodes {
		more.Nodes, more.Pods = append(more.Nodes, node.Node), append(more.Pods, node.Pods...)
		if node.Storage != nil {
			more.Others = append(more.Others, node.Storage)
		}
	}
	return &more
}

// TransientTaint reports whether a taint tells the state of a node, and not what the node is for.
func TransientTaint(taint corev1.Taint) bool {
	return strings.HasPrefix(taint.Key, "node.kubernetes.io/") || strings.HasPrefix(taint.Key, "node.cloudprovider.kubernetes.io/") ||
		TaintedBy(&corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint}}}, RemovalTaints()) != ""
}
