package policy

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Namespaces selects namespaces by name: only some, or all but some.
type Namespaces struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// PodSelection is which pods a plugin looks at.
type PodSelection struct {
	// Namespaces limits the namespaces. Nil means all.
	Namespaces *Namespaces `json:"namespaces,omitempty"`
	// LabelSelector limits the pods. Nil means all.
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
}

// Percentage is from 0 to 100.
type Percentage float64

// ResourceThresholds are shares of what nodes have to give, per resource.
type ResourceThresholds map[corev1.ResourceName]Percentage

// MetricResource stands for what a Prometheus query returns in thresholds.
const MetricResource corev1.ResourceName = "MetricResource"

// LowNodeUtilizationArgs are the arguments of the plugin that moves pods from nodes
// that are full to nodes that are not.
type LowNodeUtilizationArgs struct {
	// UseDeviationThresholds takes thresholds as distances from the mean of all nodes:
	// Thresholds below it, TargetThresholds above it.
	UseDeviationThresholds bool `json:"useDeviationThresholds"`
	// Thresholds are those that an underutilized node is below for all resources.
	Thresholds ResourceThresholds `json:"thresholds"`
	// TargetThresholds are those that an overutilized node is above for any resource.
	TargetThresholds ResourceThresholds `json:"targetThresholds"`
	// NumberOfNodes is how many nodes have to be more than underutilized.
	NumberOfNodes uint `json:"numberOfNodes"`
	// MetricsUtilization looks at actual usage. Nil means at requests.
	MetricsUtilization *MetricsUtilization `json:"metricsUtilization,omitempty"`
	// EvictableNamespaces are those whose pods may be evicted; those of all count.
	EvictableNamespaces *Namespaces `json:"evictableNamespaces,omitempty"`
	// EvictionLimits limit the evictions of the plugin.
	EvictionLimits *EvictionLimits `json:"evictionLimits,omitempty"`
}

// MetricsUtilization is where the usage of nodes comes from.
type MetricsUtilization struct {
	// MetricsServer is deprecated for source KubernetesMetrics.
	MetricsServer bool          `json:"metricsServer,omitempty"`
	Source        MetricsSource `json:"source,omitempty"`
	// Prometheus is what to ask it.
	Prometheus *PrometheusQuery `json:"prometheus,omitempty"`
}

// PrometheusQuery asks for the usage of nodes.
type PrometheusQuery struct {
	// Query returns a vector of shares from 0 to 1, whose label instance is the node.
	Query string `json:"query,omitempty"`
}

// EvictionLimits limit the evictions of a plugin.
type EvictionLimits struct {
	// Node is the most evictions per node. Nil means no limit.
	Node *uint `json:"node,omitempty"`
}

// HighNodeUtilizationArgs are the arguments of the plugin that moves pods from nodes
// that are nearly empty to others.
type HighNodeUtilizationArgs struct {
	// Thresholds are those that an underutilized node is below for all resources.
	Thresholds ResourceThresholds `json:"thresholds"`
	// NumberOfNodes is how many nodes have to be more than underutilized.
	NumberOfNodes uint `json:"numberOfNodes"`
	// EvictionModes limit the pods that are evicted.
	EvictionModes []EvictionMode `json:"evictionModes,omitempty"`
	// EvictableNamespaces are those whose pods may be evicted; those of all count.
	EvictableNamespaces *Namespaces `json:"evictableNamespaces,omitempty"`
}

// EvictionMode limits the pods that are evicted.
type EvictionMode string

// OnlyThresholdingResources evicts only pods that request a resource with a threshold.
const OnlyThresholdingResources EvictionMode = "OnlyThresholdingResources"

// RemoveDuplicatesArgs are the arguments of the plugin that spreads an owner's pods
// that are on one node.
type RemoveDuplicatesArgs struct {
	Namespaces *Namespaces `json:"namespaces,omitempty"`
	// ExcludeOwnerKinds are the kinds of owners whose pods stay.
	ExcludeOwnerKinds []string `json:"excludeOwnerKinds,omitempty"`
}

// RemovePodsViolatingTopologySpreadConstraintArgs are the arguments of the plugin that
// spreads pods over topology domains.
type RemovePodsViolatingTopologySpreadConstraintArgs struct {
	PodSelection `json:",inline"`

	// Constraints are the constraints that count, by whenUnsatisfiable.
	Constraints []corev1.UnsatisfiableConstraintAction `json:"constraints"`
	// TopologyBalanceNodeFit asks for a node that the pod could go to.
	TopologyBalanceNodeFit bool `json:"topologyBalanceNodeFit"`
}

// RemovePodsViolatingInterPodAntiAffinityArgs are the arguments of the plugin that
// removes pods that violate required anti-affinity.
type RemovePodsViolatingInterPodAntiAffinityArgs struct {
	PodSelection `json:",inline"`
}

// RemovePodsViolatingNodeAffinityArgs are the arguments of the plugin that moves pods off nodes
// that do not match their node affinity, or to nodes that they prefer.
type RemovePodsViolatingNodeAffinityArgs struct {
	PodSelection `json:",inline"`

	// NodeAffinityType are the kinds of affinity that count.
	NodeAffinityType []string `json:"nodeAffinityType"`
}

// The kinds of affinity.
const (
	RequiredNodeAffinity  = "requiredDuringSchedulingIgnoredDuringExecution"
	PreferredNodeAffinity = "preferredDuringSchedulingIgnoredDuringExecution"
)

// RemovePodsViolatingNodeTaintsArgs are the arguments of the plugin that removes pods
// that do not tolerate a taint of their node.
type RemovePodsViolatingNodeTaintsArgs struct {
	PodSelection `json:",inline"`

	// IncludePreferNoSchedule counts taints of this effect too.
	IncludePreferNoSchedule bool `json:"includePreferNoSchedule"`
	// ExcludedTaints do not count. Each is a key, or key=value.
	ExcludedTaints []string `json:"excludedTaints,omitempty"`
	// IncludedTaints are the only ones that count. Nil means all.
	IncludedTaints []string `json:"includedTaints,omitempty"`
}

// RemovePodsHavingTooManyRestartsArgs are the arguments of the plugin that removes pods
// whose containers keep restarting.
type RemovePodsHavingTooManyRestartsArgs struct {
	PodSelection `json:",inline"`

	// PodRestartThreshold is how many restarts of all containers are too many.
	PodRestartThreshold int32 `json:"podRestartThreshold"`
	// IncludingInitContainers counts the restarts of init containers too.
	IncludingInitContainers bool `json:"includingInitContainers"`
	// States are the states of pods or containers to look at. None means all.
	States []string `json:"states,omitempty"`
}

// RemoveFailedPodsArgs are the arguments of the plugin that removes failed pods.
type RemoveFailedPodsArgs struct {
	PodSelection `json:",inline"`

	// ExcludeOwnerKinds are the kinds of owners whose pods stay.
	ExcludeOwnerKinds []string `json:"excludeOwnerKinds,omitempty"`
	// MinPodLifetimeSeconds is how old pods have to be.
	MinPodLifetimeSeconds uint `json:"minPodLifetimeSeconds"`
	// Reasons are why the pod or a container failed. None means any.
	Reasons []string `json:"reasons,omitempty"`
	// ExitCodes are those of containers. None means any.
	ExitCodes []int32 `json:"exitCodes,omitempty"`
	// IncludingInitContainers looks at init containers too.
	IncludingInitContainers bool `json:"includingInitContainers"`
}

// PodLifeTimeArgs are the arguments of the plugin that removes old pods, and those in
// given states. It removes a pod that matches all arguments that are set.
type PodLifeTimeArgs struct {
	PodSelection `json:",inline"`

	// OwnerKinds limits the kinds of owners.
	OwnerKinds *OwnerKinds `json:"ownerKinds,omitempty"`
	// MaxPodLifeTimeSeconds is the age that pods have to be over. Nil means any.
	MaxPodLifeTimeSeconds *uint `json:"maxPodLifeTimeSeconds,omitempty"`
	// States are phases, reasons of pods, or reasons of containers.
	States []string `json:"states,omitempty"`
	// Conditions are conditions; a pod must have one of them.
	Conditions []PodCondition `json:"conditions,omitempty"`
	// ExitCodes are those of containers.
	ExitCodes []int32 `json:"exitCodes,omitempty"`
	// IncludingInitContainers looks at states and exit codes of init containers too.
	IncludingInitContainers bool `json:"includingInitContainers"`
	// IncludingEphemeralContainers looks at states of ephemeral containers too.
	IncludingEphemeralContainers bool `json:"includingEphemeralContainers"`
}

// OwnerKinds selects kinds of owners: only some, or all but some.
type OwnerKinds struct {
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// PodCondition matches a condition of a pod by all fields that are set.
type PodCondition struct {
	Type   string                 `json:"type,omitempty"`
	Status corev1.ConditionStatus `json:"status,omitempty"`
	Reason string                 `json:"reason,omitempty"`
	// MinTimeSinceLastTransitionSeconds is the minimum time since its last transition.
	MinTimeSinceLastTransitionSeconds *uint `json:"minTimeSinceLastTransitionSeconds,omitempty"`
}

// ConsolidateArgs are the arguments of Stowage's plugin that empties whole nodes.
type ConsolidateArgs struct {
	// Thresholds are those that a node is below for all resources to be a candidate.
	Thresholds ResourceThresholds `json:"thresholds"`
	// MaxNodes is the most nodes to empty in a run. Nil means no limit.
	MaxNodes *uint `json:"maxNodes,omitempty"`
}

// RestorePreemptibleArgs are the arguments of Stowage's plugin that brings workloads
// back within their limits on preemptible nodes.
type RestorePreemptibleArgs struct {
	Namespaces *Namespaces `json:"namespaces,omitempty"`
}
