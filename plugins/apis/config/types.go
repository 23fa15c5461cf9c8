package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta

	// Resources are the resources to pack by, each with its weight.
	Resources []ResourceSpec
}

// ResourceSpec is one resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name
	// of an extended resource.
	Name string
	// Weight is the share of the resource in the score, 1 to 100.
	Weight int64
}
