package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// PreemptibleNodesArgs holds the arguments of the PreemptibleNodes plugin.
type PreemptibleNodesArgs struct {
	metav1.TypeMeta `json:",inline"`

	// NodeLabels are the labels by which a preemptible node is known: any one of
	// them will do. Default: those that the known platforms set.
	// +listType=map
	// +listMapKey=key
	NodeLabels []NodeLabel `json:"nodeLabels,omitempty"`
	// TerminationNotices are the keys of the taints that say that a node will soon be
	// gone. One that ends in /* stands for every key with that prefix. Default: those
	// that the known platforms and autoscalers set.
	// +listType=set
	TerminationNotices []string `json:"terminationNotices,omitempty"`
	// Default is the policy of workloads that say nothing, in namespaces that say
	// nothing. Default: preemptible nodes are allowed, without limits.
	Default PreemptiblePolicy `json:"default,omitempty"`
	// Enforcement is whether namespaces' and the default policy are Hard, and leave a
	// pod unscheduled rather than be broken, or Soft, and weigh in the score. What a
	// workload says of itself is always hard. Default: Soft.
	Enforcement Enforcement `json:"enforcement,omitempty"`
}

// NodeLabel is a label of a node, with the values that count.
type NodeLabel struct {
	// Key is the label's key.
	Key string `json:"key"`
	// Values are the values that count, at least one.
	// +listType=set
	Values []string `json:"values"`
}

// PreemptiblePolicy says how many replicas of a workload may be on preemptible
// nodes.
type PreemptiblePolicy struct {
	// Preemptible is whether they may at all: never, allow, prefer or require.
	// Default: allow.
	Preemptible PreemptibleMode `json:"preemptible,omitempty"`
	// PreemptibleMax is the most that may, as a number or as a percentage of the
	// workload's desired replicas, rounded down. Default: all.
	PreemptibleMax *intstr.IntOrString `json:"preemptibleMax,omitempty"`
	// OnDemandMin is the least that has to be on other nodes, as a number or as a
	// percentage of the workload's desired replicas, rounded up. Default: none.
	OnDemandMin *intstr.IntOrString `json:"onDemandMin,omitempty"`
}

// PreemptibleMode is whether a workload may use preemptible nodes.
type PreemptibleMode string

// Enforcement is whether a policy is a rule or a wish.
type Enforcement string
