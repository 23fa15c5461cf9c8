package config

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// BinPackingArgs holds the arguments of the BinPacking plugin.
type BinPackingArgs struct {
	metav1.TypeMeta

	// Strategy determines how nodes that fit are compared.
	Strategy PackingStrategy
	// EmptyNodes determines when a pod may use a node without pods.
	EmptyNodes EmptyNodesPolicy
	// Resources are the resources to pack by, with their weights.
	Resources []ResourceSpec
	// TypicalPods are the pods for which Fragmentation keeps capacity usable. Empty means the
	// pods in the cluster.
	TypicalPods []TypicalPod
}

// PackingStrategy determines how nodes that fit are compared.
type PackingStrategy string

const (
	// BestFit prefers the node that is fullest with the pod.
	BestFit PackingStrategy = "BestFit"
	// DotProduct prefers the node with the least free capacity of the resources that the pod
	// requests most.
	DotProduct PackingStrategy = "DotProduct"
	// Fragmentation prefers the node where the least capacity becomes unusable for typical
	// pods.
	Fragmentation PackingStrategy = "Fragmentation"
)

// EmptyNodesPolicy determines when a pod may use a node without pods.
type EmptyNodesPolicy string

const (
	// LastResort uses an empty node only if no node in use fits.
	LastResort EmptyNodesPolicy = "LastResort"
	// LikeAnyOther lets the strategy decide, which may not fill one node after another.
	LikeAnyOther EmptyNodesPolicy = "LikeAnyOther"
)

// ResourceSpec is a resource to pack by.
type ResourceSpec struct {
	// Name is cpu, memory, ephemeral-storage, pods, hugepages-<size> or the name of an
	// extended resource.
	Name string
	// Weight is the weight of the resource in the score, 1 to 100.
	Weight int64
	// Ceiling is the percentage of allocatable, 1 to 100, up to which a node is filled with
	// the resource before other nodes are preferred.
	Ceiling int64
}

// TypicalPod is a kind of pod that is common in the cluster.
type TypicalPod struct {
	// Requests are the requests of such a pod.
	Requests corev1.ResourceList
	// Weight is the frequency of the kind relative to the others.
	Weight int64
}
