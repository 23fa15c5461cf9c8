package config

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta

	// Strategy is how nodes that could take a pod are told apart.
	Strategy PackingStrategy
	// EmptyNodes is when a pod may open a node that has no pods yet.
	EmptyNodes EmptyNodesPolicy
	// Resources are the resources to pack by, each with its weight.
	Resources []ResourceSpec
	// TypicalPods are the pods that Fragmentation keeps capacity usable for. None
	// means the pods in the cluster.
	TypicalPods []TypicalPod
}

// PackingStrategy is how nodes that could take a pod are told apart.
type PackingStrategy string

const (
	// BestFit prefers the node that the pod leaves fullest.
	BestFit PackingStrategy = "BestFit"
	// DotProduct prefers the node with the least left of what the pod asks most of.
	DotProduct PackingStrategy = "DotProduct"
	// Fragmentation prefers the node where the pod takes the least capacity out of
	// the reach of typical pods.
	Fragmentation PackingStrategy = "Fragmentation"
)

// EmptyNodesPolicy is when a pod may open a node that has no pods yet.
type EmptyNodesPolicy string

const (
	// LastResort takes an empty node only if no node in use will do.
	LastResort EmptyNodesPolicy = "LastResort"
	// LikeAnyOther leaves it to the strategy, which then need not fill one node after
	// the other.
	LikeAnyOther EmptyNodesPolicy = "LikeAnyOther"
)

// ResourceSpec is one resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name
	// of an extended resource.
	Name string
	// Weight is the share of the resource in the score, 1 to 100.
	Weight int64
	// Ceiling is how far to fill a node with the resource before others are
	// preferred, in percent of its allocatable, 1 to 100.
	Ceiling int64
}

// TypicalPod is a kind of pod that is common in the cluster.
type TypicalPod struct {
	// Requests is what a pod of the kind requests.
	Requests corev1.ResourceList
	// Weight is how common the kind is, against the others.
	Weight int64
}
