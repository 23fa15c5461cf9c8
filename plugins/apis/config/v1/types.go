package v1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta `json:",inline"`

	// Strategy determines how nodes that fit are compared: BestFit prefers the node that is
	// fullest with the pod, DotProduct the node with the least free capacity of the resources
	// that the pod requests most, Fragmentation the node where the least capacity becomes
	// unusable for typical pods. Default: Fragmentation.
	Strategy PackingStrategy `json:"strategy,omitempty"`
	// EmptyNodes determines when a pod may use a node without pods, except those of
	// DaemonSets: LastResort uses it only if no node in use fits, which requires the fewest
	// nodes; LikeAnyOther lets the strategy decide, which fills a cluster of a fixed size
	// further. Default: LastResort.
	EmptyNodes EmptyNodesPolicy `json:"emptyNodes,omitempty"`
	// Resources are the resources to pack by, with their weights. An extended resource counts
	// only for pods that request it. Default: cpu and memory, with weight 1 each.
	// +listType=map
	// +listMapKey=name
	Resources []ResourceSpec `json:"resources,omitempty"`
	// TypicalPods are the pods for which Fragmentation keeps capacity usable. Default: the
	// current pods in the cluster.
	// +listType=atomic
	TypicalPods []TypicalPod `json:"typicalPods,omitempty"`
}

// PackingStrategy determines how nodes that fit are compared.
type PackingStrategy string

// EmptyNodesPolicy determines when a pod may use a node without pods.
type EmptyNodesPolicy string

// ResourceSpec is a resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name of an
	// extended resource, such as nvidia.com/gpu. Required.
	Name string `json:"name"`
	// Weight is the weight of the resource in the score, 1 to 100. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
	// Ceiling is the percentage of allocatable, 1 to 100, up to which a node is filled with
	// the resource before other nodes are preferred. Default: 100.
	Ceiling *int64 `json:"ceiling,omitempty"`
}

// TypicalPod is a kind of pod that is common in the cluster.
type TypicalPod struct {
	// Requests are the requests of such a pod. Required.
	Requests corev1.ResourceList `json:"requests"`
	// Weight is the frequency of the kind relative to the others, 1 or more. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
}
