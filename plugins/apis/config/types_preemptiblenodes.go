package config

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// PreemptibleNodesArgs holds the arguments of the PreemptibleNodes plugin.
type PreemptibleNodesArgs struct {
	metav1.TypeMeta

	// NodeLabels are the labels by which a preemptible node is known: any one of
	// them will do.
	NodeLabels []NodeLabel
	// TerminationNotices are the keys of the taints that say that a node will soon be
	// gone. One that ends in /* stands for every key with that prefix.
	TerminationNotices []string
	// Default is the policy of workloads that say nothing, in namespaces that say
	// nothing.
	Default PreemptiblePolicy
	// Enforcement is whether namespaces' and the default policy are hard.
	Enforcement Enforcement
}

// NodeLabel is a label of a node, with the values that count.
type NodeLabel struct {
	// Key is the label's key.
	Key string
	// Values are the values that count.
	Values []string
}

// PreemptiblePolicy says how many replicas of a workload may be on preemptible
// nodes.
type PreemptiblePolicy struct {
	// Preemptible is whether they may at all.
	Preemptible PreemptibleMode
	// PreemptibleMax is the most that may, as a number or as a percentage of the
	// workload's desired replicas, rounded down. Nil means all.
	PreemptibleMax *intstr.IntOrString
	// OnDemandMin is the least that has to be on other nodes, as a number or as a
	// percentage of the workload's desired replicas, rounded up. Nil means none.
	OnDemandMin *intstr.IntOrString
}

// PreemptibleMode is whether a workload may use preemptible nodes.
type PreemptibleMode string

const (
	// PreemptibleNever keeps off preemptible nodes.
	PreemptibleNever PreemptibleMode = "never"
	// PreemptibleAllow does not care.
	PreemptibleAllow PreemptibleMode = "allow"
	// PreemptiblePrefer goes to preemptible nodes first.
	PreemptiblePrefer PreemptibleMode = "prefer"
	// PreemptibleRequire keeps off all other nodes.
	PreemptibleRequire PreemptibleMode = "require"
)

// Enforcement is whether a policy is a rule or a wish.
type Enforcement string

const (
	// Soft policies weigh in the score.
	Soft Enforcement = "Soft"
	// Hard policies leave a pod unscheduled rather than be broken.
	Hard Enforcement = "Hard"
)
