package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// DedicatedNodesArgs holds the arguments of the DedicatedNodes plugin.
type DedicatedNodesArgs struct {
	metav1.TypeMeta

	// Weights are the weights of the parts of the score.
	Weights DedicatedNodesWeights
	// ScarceResources are the extended resources whose nodes are kept free. Empty means all
	// that a node has.
	ScarceResources []string
	// PreferNoSchedule are the weights of PreferNoSchedule taints. Other taints have the
	// weight 1.
	PreferNoSchedule []TaintWeight
	// StayHorizon is the time from which on a stay does not count as short.
	StayHorizon metav1.Duration
}

// DedicatedNodesWeights are the weights of the parts of the score, 0 to 100 each; 0 disables
// the part.
type DedicatedNodesWeights struct {
	// ToleratedTaints prefers nodes whose taints the pod tolerates by name.
	ToleratedTaints int64
	// ScarceResources avoids nodes with extended resources that the pod does not request.
	ScarceResources int64
	// PreferNoSchedule avoids nodes with PreferNoSchedule taints.
	PreferNoSchedule int64
	// ShortStay avoids nodes whose NoExecute taints the pod tolerates only for a limited
	// time.
	ShortStay int64
}

// TaintWeight is the weight of a PreferNoSchedule taint.
type TaintWeight struct {
	// Key is the taint's key.
	Key string
	// Value is the taint's value. Empty means all values that are not listed.
	Value string
	// Weight is the weight of the taint, 1 to 100.
	Weight int64
}
