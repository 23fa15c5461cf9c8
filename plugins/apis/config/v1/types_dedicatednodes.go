package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// DedicatedNodesArgs holds the arguments of the DedicatedNodes plugin.
type DedicatedNodesArgs struct {
	metav1.TypeMeta `json:",inline"`

	// Weights are the shares of the parts of the score.
	Weights DedicatedNodesWeights `json:"weights,omitempty"`
	// ScarceResources are the extended resources that nodes are kept free for, such
	// as nvidia.com/gpu. Default: every one that a node has.
	// +listType=set
	ScarceResources []string `json:"scarceResources,omitempty"`
	// PreferNoSchedule are the weights of PreferNoSchedule taints. A taint that is not
	// listed weighs 1.
	// +listType=atomic
	PreferNoSchedule []TaintWeight `json:"preferNoSchedule,omitempty"`
	// StayHorizon is how long a pod has to be able to stay on a node with a NoExecute
	// taint for the stay not to count as short. Default: 1h.
	StayHorizon *metav1.Duration `json:"stayHorizon,omitempty"`
}

// DedicatedNodesWeights are the shares of the parts of the score, 0 to 100 each; 0
// switches the part off. They only balance the parts: how much the score counts
// against that of other plugins is the plugin's weight in the profile.
type DedicatedNodesWeights struct {
	// ToleratedTaints prefers nodes whose taints the pod tolerates by name. Default: 2,
	// as the first such taint moves this part less than one taint, or a whole free
	// GPU, moves the others.
	ToleratedTaints *int64 `json:"toleratedTaints,omitempty"`
	// ScarceResources keeps nodes free whose extended resources the pod does not ask
	// for. Default: 1.
	ScarceResources *int64 `json:"scarceResources,omitempty"`
	// PreferNoSchedule avoids nodes with PreferNoSchedule taints. Default: 1.
	PreferNoSchedule *int64 `json:"preferNoSchedule,omitempty"`
	// ShortStay avoids nodes whose NoExecute taints the pod tolerates for a time only.
	// Default: 1.
	ShortStay *int64 `json:"shortStay,omitempty"`
}

// TaintWeight is how much a PreferNoSchedule taint counts.
type TaintWeight struct {
	// Key is the taint's key.
	Key string `json:"key"`
	// Value is the taint's value. Default: any that is not listed itself.
	Value string `json:"value,omitempty"`
	// Weight is how much the taint counts, 1 to 100. Default: 1.
	Weight *int64 `json:"weight,omitempty"`
}
