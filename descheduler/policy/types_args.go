package policy

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Namespaces selects namespaces by name: only some, or all but some.
type Namespaces struct {
	// Include are the names of the only namespaces. Not together with exclude.
	Include []string `json:"include,omitempty"`
	// Exclude are the names of the namespaces that are left out.
	Exclude []string `json:"exclude,omitempty"`
}

// PodSelection is which pods a plugin looks at.
type PodSelection struct {
	// Namespaces limits the namespaces. Default: all.
	Namespaces *Namespaces `json:"namespaces,omitempty"`
	// LabelSelector limits the pods. Default: all.
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
	// UseDeviationThresholds makes the thresholds deviations from the mean of all nodes:
	// thresholds below it, targetThresholds above it.
	UseDeviationThresholds bool `json:"useDeviationThresholds"`
	// Thresholds are the percentages, 0 to 100, below which a node is underutilized, for all of
	// these resources: cpu, memory, pods, ephemeral-storage, hugepages-<size>, extended
	// resources or, with a Prometheus query, MetricResource. Required.
	Thresholds ResourceThresholds `json:"thresholds"`
	// TargetThresholds are the percentages above which a node is overutilized, for any of the
	// resources. They are the same resources as in thresholds. Required.
	TargetThresholds ResourceThresholds `json:"targetThresholds"`
	// NumberOfNodes is the number of nodes: the plugin acts if more than these are
	// underutilized. Nodes that offer no resource with a threshold do not count.
	NumberOfNodes uint `json:"numberOfNodes"`
	// MetricsUtilization goes by the actual usage of nodes. Default: their pods' requests.
	MetricsUtilization *MetricsUtilization `json:"metricsUtilization,omitempty"`
	// EvictableNamespaces are the namespaces whose pods may be evicted, exclude only. Pods in
	// excluded namespaces still count as usage. Default: all.
	EvictableNamespaces *Namespaces `json:"evictableNamespaces,omitempty"`
	// EvictionLimits are limits on the evictions of the plugin. Default: no limit.
	EvictionLimits *EvictionLimits `json:"evictionLimits,omitempty"`
}

// MetricsUtilization is where the usage of nodes comes from.
type MetricsUtilization struct {
	// MetricsServer is deprecated: use source KubernetesMetrics.
	MetricsServer bool `json:"metricsServer,omitempty"`
	// Source is one of metricsProviders. KubernetesMetrics has cpu, memory and pods. Required.
	Source MetricsSource `json:"source,omitempty"`
	// Prometheus is what to ask the server, for source Prometheus. Thresholds can then only be
	// for MetricResource.
	Prometheus *PrometheusQuery `json:"prometheus,omitempty"`
}

// PrometheusQuery asks for the usage of nodes.
type PrometheusQuery struct {
	// Query is a query that returns the usage of each node, from 0 to 1, with the node's name as
	// the label instance. Required.
	Query string `json:"query,omitempty"`
}

// EvictionLimits limit the evictions of a plugin.
type EvictionLimits struct {
	// Node is the maximum number of evictions per node. Default: no limit.
	Node *uint `json:"node,omitempty"`
}

// HighNodeUtilizationArgs are the arguments of the plugin that moves pods from nodes
// that are nearly empty to others.
type HighNodeUtilizationArgs struct {
	// Thresholds are the percentages, 0 to 100, below which a node is underutilized, for all of
	// these resources: as in LowNodeUtilization. Required.
	Thresholds ResourceThresholds `json:"thresholds"`
	// NumberOfNodes is the number of nodes: the plugin acts if more than these are
	// underutilized.
	NumberOfNodes uint `json:"numberOfNodes"`
	// EvictionModes are limits on the pods that are evicted: OnlyThresholdingResources evicts
	// only pods that request a resource with a threshold. Default: none.
	EvictionModes []EvictionMode `json:"evictionModes,omitempty"`
	// EvictableNamespaces are the namespaces whose pods may be evicted, exclude only. Pods in
	// excluded namespaces still count as usage. Default: all.
	EvictableNamespaces *Namespaces `json:"evictableNamespaces,omitempty"`
}

// EvictionMode limits the pods that are evicted.
type EvictionMode string

// OnlyThresholdingResources evicts only pods that request a resource with a threshold.
const OnlyThresholdingResources EvictionMode = "OnlyThresholdingResources"

// RemoveDuplicatesArgs are the arguments of the plugin that spreads an owner's pods
// that are on one node.
type RemoveDuplicatesArgs struct {
	// Namespaces limits the namespaces. Default: all.
	Namespaces *Namespaces `json:"namespaces,omitempty"`
	// ExcludeOwnerKinds are the kinds of owners whose pods stay. Default: none.
	ExcludeOwnerKinds []string `json:"excludeOwnerKinds,omitempty"`
}

// RemovePodsViolatingTopologySpreadConstraintArgs are the arguments of the plugin that
// spreads pods over topology domains.
type RemovePodsViolatingTopologySpreadConstraintArgs struct {
	PodSelection `json:",inline"`

	// Constraints are the constraints that count, by their whenUnsatisfiable. Default
	// constraints of scheduler profiles are included. Default: DoNotSchedule.
	Constraints []corev1.UnsatisfiableConstraintAction `json:"constraints"`
	// TopologyBalanceNodeFit has no effect: no pod is moved without a destination.
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

	// NodeAffinityType are the kinds of affinity that count:
	// requiredDuringSchedulingIgnoredDuringExecution,
	// preferredDuringSchedulingIgnoredDuringExecution. Required.
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

	// IncludePreferNoSchedule includes taints with the effect PreferNoSchedule.
	IncludePreferNoSchedule bool `json:"includePreferNoSchedule"`
	// ExcludedTaints are the taints that do not count, each as key or key=value. Default: none.
	ExcludedTaints []string `json:"excludedTaints,omitempty"`
	// IncludedTaints are the only taints that count, each as key or key=value. Not together with
	// excludedTaints. Default: all.
	IncludedTaints []string `json:"includedTaints,omitempty"`
}

// RemovePodsHavingTooManyRestartsArgs are the arguments of the plugin that removes pods
// whose containers keep restarting.
type RemovePodsHavingTooManyRestartsArgs struct {
	PodSelection `json:",inline"`

	// PodRestartThreshold is the number of restarts of all containers from which on a pod is
	// removed, 1 or more. Required.
	PodRestartThreshold int32 `json:"podRestartThreshold"`
	// IncludingInitContainers includes restarts of init containers.
	IncludingInitContainers bool `json:"includingInitContainers"`
	// States are the states that count: Running, CrashLoopBackOff. Default: all.
	States []string `json:"states,omitempty"`
}

// RemoveFailedPodsArgs are the arguments of the plugin that removes failed pods.
type RemoveFailedPodsArgs struct {
	PodSelection `json:",inline"`

	// ExcludeOwnerKinds are the kinds of owners whose pods stay. Default: none.
	ExcludeOwnerKinds []string `json:"excludeOwnerKinds,omitempty"`
	// MinPodLifetimeSeconds is the age from which on failed pods are removed.
	MinPodLifetimeSeconds uint `json:"minPodLifetimeSeconds"`
	// Reasons are the reasons for which the pod or a container failed. Default: any.
	Reasons []string `json:"reasons,omitempty"`
	// ExitCodes are the exit codes of containers. Default: any.
	ExitCodes []int32 `json:"exitCodes,omitempty"`
	// IncludingInitContainers includes reasons and exit codes of init containers.
	IncludingInitContainers bool `json:"includingInitContainers"`
}

// PodLifeTimeArgs are the arguments of the plugin that removes old pods, and those in
// given states. It removes a pod that matches all arguments that are set.
type PodLifeTimeArgs struct {
	PodSelection `json:",inline"`

	// OwnerKinds limits the kinds of owners. Default: all.
	OwnerKinds *OwnerKinds `json:"ownerKinds,omitempty"`
	// MaxPodLifeTimeSeconds is the age above which pods are removed. At least one of this,
	// states, conditions and exitCodes is required. Default: any.
	MaxPodLifeTimeSeconds *uint `json:"maxPodLifeTimeSeconds,omitempty"`
	// States are phases of pods (Pending, Running, Succeeded, Failed, Unknown), reasons of pods
	// (NodeAffinity, NodeLost, Shutdown, UnexpectedAdmissionError), or reasons of containers
	// (ContainerCreating, CrashLoopBackOff, CreateContainerConfigError, CreateContainerError,
	// ErrImagePull, ImagePullBackOff, InvalidImageName, PodInitializing, Completed,
	// ContainerCannotRun, DeadlineExceeded, Error, Evicted, OOMKilled, StartError). Default: any.
	States []string `json:"states,omitempty"`
	// Conditions are conditions of pods. A pod must match one of them. Default: any.
	Conditions []PodCondition `json:"conditions,omitempty"`
	// ExitCodes are the exit codes of containers. Default: any.
	ExitCodes []int32 `json:"exitCodes,omitempty"`
	// IncludingInitContainers includes states and exit codes of init containers.
	IncludingInitContainers bool `json:"includingInitContainers"`
	// IncludingEphemeralContainers includes states of ephemeral containers.
	IncludingEphemeralContainers bool `json:"includingEphemeralContainers"`
}

// OwnerKinds selects kinds of owners: only some, or all but some.
type OwnerKinds struct {
	// Include are the only kinds. Not together with exclude.
	Include []string `json:"include,omitempty"`
	// Exclude are the kinds that are left out.
	Exclude []string `json:"exclude,omitempty"`
}

// PodCondition matches a condition of a pod by all fields that are set.
type PodCondition struct {
	// Type is the type of the condition. Default: any.
	Type string `json:"type,omitempty"`
	// Status is the status of the condition. Default: any.
	Status corev1.ConditionStatus `json:"status,omitempty"`
	// Reason is the reason of the condition. Default: any.
	Reason string `json:"reason,omitempty"`
	// MinTimeSinceLastTransitionSeconds is the minimum time since its last transition.
	// Default: any.
	MinTimeSinceLastTransitionSeconds *uint `json:"minTimeSinceLastTransitionSeconds,omitempty"`
}

// ConsolidateArgs are the arguments of the plugin that empties whole nodes. It is Stowage's own.
type ConsolidateArgs struct {
	// Thresholds are the percentages, 0 to 100: a node that is below all of them may be emptied.
	// The resources are those of LowNodeUtilization. Required.
	Thresholds ResourceThresholds `json:"thresholds"`
	// MaxNodes is the maximum number of nodes to empty per run, 1 or more. Default: no limit.
	MaxNodes *uint `json:"maxNodes,omitempty"`
}

// RestorePreemptibleArgs are the arguments of the plugin that brings workloads back within
// their limits on preemptible nodes. It is Stowage's own.
type RestorePreemptibleArgs struct {
	// Namespaces limits the namespaces. Default: all.
	Namespaces *Namespaces `json:"namespaces,omitempty"`
}
