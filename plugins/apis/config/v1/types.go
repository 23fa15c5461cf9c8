package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta `json:",inline"`

	// Resources are the resources to pack by, each with its weight. An extended
	// resource counts only for pods that request it. Default: cpu and memory,
	// with weight 1 each.
	// +listType=map
	// +listMapKey=name
	Resources []ResourceSpec `json:"resources,omitempty"`
}

// ResourceSpec is one resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name
	// of an extended resource, such as nvidia.com/gpu.
	Name string `json:"name"`
	// Weight is the share of the resource in the score, 1 to 100. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
}
