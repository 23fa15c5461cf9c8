package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// DedicatedNodesArgs holds the arguments of the DedicatedNodes plugin.
type DedicatedNodesArgs struct {
	metav1.TypeMeta `json:",inline"`

	// Weights are the weights of the parts of the score.
	Weights DedicatedNodesWeights `json:"weights,omitempty"`
	// ScarceResources are the extended resources whose nodes are kept free, such as
	// nvidia.com/gpu. Default: all that a node has.
	// +listType=set
	ScarceResources []string `json:"scarceResources,omitempty"`
	// PreferNoSchedule are the weights of PreferNoSchedule taints. Other taints have the
	// weight 1.
	// +listType=atomic
	PreferNoSchedule []TaintWeight `json:"preferNoSchedule,omitempty"`
	// StayHorizon is the time from which on a stay on a node with a NoExecute taint does not
	// count as short. Default: 1h.
	StayHorizon *metav1.Duration `json:"stayHorizon,omitempty"`
}

// DedicatedNodesWeights are the weights of the parts of the score, 0 to 100 each; 0 disables
// the part. They only balance the parts: the plugin's weight in the profile determines how
// much the score counts relative to other plugins.
type DedicatedNodesWeights struct {
	// ToleratedTaints prefers nodes whose taints the pod tolerates by name. Default: 2,
	// because the first such taint changes this part less than one taint, or a whole free
	// GPU, changes the others.
	ToleratedTaints *int64 `json:"toleratedTaints,omitempty"`
	// ScarceResources avoids nodes with extended resources that the pod does not request.
	// Default: 1.
	ScarceResources *int64 `json:"scarceResources,omitempty"`
	// PreferNoSchedule avoids nodes with PreferNoSchedule taints. Default: 1.
	PreferNoSchedule *int64 `json:"preferNoSchedule,omitempty"`
	// ShortStay avoids nodes whose NoExecute taints the pod tolerates only for a limited
	// time. Default: 1.
	ShortStay *int64 `json:"shortStay,omitempty"`
}

// TaintWeight is the weight of a PreferNoSchedule taint.
type TaintWeight struct {
	// Key is the taint's key. Required.
	Key string `json:"key"`
	// Value is the taint's value. Default: all values that are not listed.
	Value string `json:"value,omitempty"`
	// Weight is the weight of the taint, 1 to 100. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
}
