package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// DedicatedNodesArgs holds the arguments of the DedicatedNodes plugin.
type DedicatedNodesArgs struct {
	metav1.TypeMeta

	// Weights are the shares of the parts of the score.
	Weights DedicatedNodesWeights
	// ScarceResources are the extended resources that nodes are kept free for. None
	// means every one that a node has.
	ScarceResources []string
	// PreferNoSchedule are the weights of PreferNoSchedule taints. A taint that is not
	// listed weighs 1.
	PreferNoSchedule []TaintWeight
	// StayHorizon is how long a pod has to be able to stay for the stay not to count
	// as short.
	StayHorizon metav1.Duration
}

// DedicatedNodesWeights are the shares of the parts of the score, 0 to 100 each; 0
// switches the part off.
type DedicatedNodesWeights struct {
	// ToleratedTaints prefers nodes whose taints the pod tolerates by name.
	ToleratedTaints int64
	// ScarceResources keeps nodes free whose extended resources the pod does not ask for.
	ScarceResources int64
	// PreferNoSchedule avoids nodes with PreferNoSchedule taints.
	PreferNoSchedule int64
	// ShortStay avoids nodes whose NoExecute taints the pod tolerates for a time only.
	ShortStay int64
}

// TaintWeight is how much a PreferNoSchedule taint counts.
type TaintWeight struct {
	// Key is the taint's key.
	Key string
	// Value is the taint's value. Empty means any that is not listed itself.
	Value string
	// Weight is how much the taint counts, 1 to 100.
	Weight int64
}
