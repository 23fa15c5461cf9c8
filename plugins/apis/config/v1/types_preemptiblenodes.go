package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// PreemptibleNodesArgs holds the arguments of the PreemptibleNodes plugin.
type PreemptibleNodesArgs struct {
	metav1.TypeMeta `json:",inline"`

	// NodeLabels are the labels that mark preemptible nodes. A node is preemptible if it has
	// any of them. Default: the labels of supported platforms.
	// +listType=map
	// +listMapKey=key
	NodeLabels []NodeLabel `json:"nodeLabels,omitempty"`
	// TerminationNotices are the keys of taints that announce the removal of a node. A key
	// that ends in /* matches all keys with that prefix. Default: the taints of supported
	// platforms and autoscalers.
	// +listType=set
	TerminationNotices []string `json:"terminationNotices,omitempty"`
	// Default is the policy of workloads without annotations in namespaces without
	// annotations. Default: preemptible nodes are allowed, without limits.
	Default PreemptiblePolicy `json:"default,omitempty"`
	// Enforcement determines whether the policies of namespaces and the default policy are
	// Hard, and leave a pod unscheduled if they cannot be met, or Soft, and affect the score.
	// The annotations of a workload are always hard. Default: Soft.
	Enforcement Enforcement `json:"enforcement,omitempty"`
}

// NodeLabel is a label of nodes, with the values that match.
type NodeLabel struct {
	// Key is the label's key. Required.
	Key string `json:"key"`
	// Values are the values that match, at least one. Required.
	// +listType=set
	Values []string `json:"values"`
}

// PreemptiblePolicy determines how many replicas of a workload may run on preemptible nodes.
type PreemptiblePolicy struct {
	// Preemptible determines whether replicas may run on preemptible nodes: never, allow,
	// prefer or require. Default: allow.
	Preemptible PreemptibleMode `json:"preemptible,omitempty"`
	// PreemptibleMax is the maximum number of replicas on preemptible nodes, as a number or
	// as a percentage of the workload's desired replicas, rounded down. Default: all.
	PreemptibleMax *intstr.IntOrString `json:"preemptibleMax,omitempty"`
	// OnDemandMin is the minimum number of replicas on other nodes, as a number or as a
	// percentage of the workload's desired replicas, rounded up. Default: none.
	OnDemandMin *intstr.IntOrString `json:"onDemandMin,omitempty"`
}

// PreemptibleMode determines whether a workload may use preemptible nodes.
type PreemptibleMode string

// Enforcement determines whether a policy is a requirement or a preference.
type Enforcement string
