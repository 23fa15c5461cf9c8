package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta `json:",inline"`

	// Strategy is how nodes that could take a pod are told apart: BestFit prefers
	// the node that the pod leaves fullest, DotProduct the one with the least left of
	// what the pod asks most of, Fragmentation the one where the pod takes the least
	// capacity out of the reach of typical pods. Default: Fragmentation.
	Strategy PackingStrategy `json:"strategy,omitempty"`
	// EmptyNodes is when a pod may open a node that has no pods yet, those of
	// DaemonSets apart: LastResort takes it only if no node in use will do, which
	// needs the fewest nodes; LikeAnyOther leaves it to the strategy, which fills a
	// cluster of a fixed size further. Default: LastResort.
	EmptyNodes EmptyNodesPolicy `json:"emptyNodes,omitempty"`
	// Resources are the resources to pack by, each with its weight. An extended
	// resource counts only for pods that request it. Default: cpu and memory,
	// with weight 1 each.
	// +listType=map
	// +listMapKey=name
	Resources []ResourceSpec `json:"resources,omitempty"`
	// TypicalPods are the pods that Fragmentation keeps capacity usable for.
	// Default: what the pods in the cluster request, as it changes.
	// +listType=atomic
	TypicalPods []TypicalPod `json:"typicalPods,omitempty"`
}

// PackingStrategy is how nodes that could take a pod are told apart.
type PackingStrategy string

// EmptyNodesPolicy is when a pod may open a node that has no pods yet.
type EmptyNodesPolicy string

// ResourceSpec is one resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name
	// of an extended resource, such as nvidia.com/gpu.
	Name string `json:"name"`
	// Weight is the share of the resource in the score, 1 to 100. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
	// Ceiling is how far to fill a node with the resource before others are
	// preferred, in percent of its allocatable, 1 to 100. Default: 100.
	Ceiling *int64 `json:"ceiling,omitempty"`
}

// TypicalPod is a kind of pod that is common in the cluster.
type TypicalPod struct {
	// Requests is what a pod of the kind requests.
	Requests corev1.ResourceList `json:"requests"`
	// Weight is how common the kind is, against the others, 1 or more. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
}
