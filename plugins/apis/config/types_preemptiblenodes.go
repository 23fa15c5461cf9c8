package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// PreemptibleNodesArgs holds the arguments of the PreemptibleNodes plugin.
type PreemptibleNodesArgs struct {
	metav1.TypeMeta

	// NodeLabels are the labels that mark preemptible nodes. A node is preemptible if it has
	// any of them.
	NodeLabels []NodeLabel
	// TerminationNotices are the keys of taints that announce the removal of a node. A key
	// that ends in /* matches all keys with that prefix.
	TerminationNotices []string
	// Default is the policy of workloads without annotations in namespaces without
	// annotations.
	Default PreemptiblePolicy
	// Enforcement determines whether the policies of namespaces and the default policy are
	// hard.
	Enforcement Enforcement
}

// NodeLabel is a label of nodes, with the values that match.
type NodeLabel struct {
	// Key is the label's key.
	Key string
	// Values are the values that match.
	Values []string
}

// PreemptiblePolicy determines how many replicas of a workload may run on preemptible nodes.
type PreemptiblePolicy struct {
	// Preemptible determines whether replicas may run on preemptible nodes.
	Preemptible PreemptibleMode
	// PreemptibleMax is the maximum number of replicas on preemptible nodes, as a number or
	// as a percentage of the workload's desired replicas, rounded down. Nil means all.
	PreemptibleMax *intstr.IntOrString
	// OnDemandMin is the minimum number of replicas on other nodes, as a number or as a
	// percentage of the workload's desired replicas, rounded up. Nil means none.
	OnDemandMin *intstr.IntOrString
}

// PreemptibleMode determines whether a workload may use preemptible nodes.
type PreemptibleMode string

const (
	// PreemptibleNever avoids preemptible nodes.
	PreemptibleNever PreemptibleMode = "never"
	// PreemptibleAllow has no preference.
	PreemptibleAllow PreemptibleMode = "allow"
	// PreemptiblePrefer prefers preemptible nodes.
	PreemptiblePrefer PreemptibleMode = "prefer"
	// PreemptibleRequire requires preemptible nodes.
	PreemptibleRequire PreemptibleMode = "require"
)

// Enforcement determines whether a policy is a requirement or a preference.
type Enforcement string

const (
	// Soft policies affect the score.
	Soft Enforcement = "Soft"
	// Hard policies leave a pod unscheduled if they cannot be met.
	Hard Enforcement = "Hard"
)
