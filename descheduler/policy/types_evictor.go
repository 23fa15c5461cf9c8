package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultEvictorArgs are the arguments of the plugin that protects pods from eviction.
type DefaultEvictorArgs struct {
	// NodeSelector is a label selector of nodes. It is part of nodeFit and has no effect.
	// Default: all nodes.
	NodeSelector *string `json:"nodeSelector,omitempty"`
	// LabelSelector selects the pods that may be evicted. Default: all pods.
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// NamespaceLabelSelector selects the namespaces whose pods may be evicted. Default: all
	// namespaces.
	NamespaceLabelSelector *metav1.LabelSelector `json:"namespaceLabelSelector,omitempty"`
	// PriorityThreshold protects pods of this priority and above. Default: that of
	// system-cluster-critical.
	PriorityThreshold *PriorityThreshold `json:"priorityThreshold,omitempty"`
	// NodeFit has no effect: no pod is moved without a destination.
	NodeFit bool `json:"nodeFit"`
	// MinReplicas protects pods of workloads with fewer desired replicas. 0 and 1 protect none.
	MinReplicas uint `json:"minReplicas"`
	// MinPodAge protects pods that started more recently, and those that have not started: a
	// duration such as 5m. Default: none.
	MinPodAge *metav1.Duration `json:"minPodAge,omitempty"`
	// NoEvictionPolicy is the meaning of the annotation
	// descheduler.alpha.kubernetes.io/prefer-no-eviction: other pods are evicted first, or the
	// pod is never evicted.
	NoEvictionPolicy NoEvictionPolicy `json:"noEvictionPolicy"`
	// PodProtections are changes to which protections are enabled.
	PodProtections PodProtections `json:"podProtections"`

	// EvictLocalStoragePods is deprecated: use defaultDisabled: [PodsWithLocalStorage].
	EvictLocalStoragePods bool `json:"evictLocalStoragePods,omitempty"`
	// EvictDaemonSetPods is deprecated: use defaultDisabled: [DaemonSetPods].
	EvictDaemonSetPods bool `json:"evictDaemonSetPods,omitempty"`
	// EvictSystemCriticalPods is deprecated: use defaultDisabled: [SystemCriticalPods].
	EvictSystemCriticalPods bool `json:"evictSystemCriticalPods,omitempty"`
	// EvictFailedBarePods is deprecated: use defaultDisabled: [FailedBarePods].
	EvictFailedBarePods bool `json:"evictFailedBarePods,omitempty"`
	// IgnorePvcPods is deprecated: use extraEnabled: [PodsWithPVC].
	IgnorePvcPods bool `json:"ignorePvcPods,omitempty"`
	// IgnorePodsWithoutPDB is deprecated: use extraEnabled: [PodsWithoutPDB].
	IgnorePodsWithoutPDB bool `json:"ignorePodsWithoutPDB,omitempty"`
}

// PriorityThreshold is a priority, given as a number or by its class.
type PriorityThreshold struct {
	// Value is the priority, at most 2000000000.
	Value *int32 `json:"value,omitempty" strict:"null"`
	// Name is the name of a priority class. Not together with value.
	Name string `json:"name,omitempty"`
}

// NoEvictionPolicy is what descheduler.alpha.kubernetes.io/prefer-no-eviction means.
type NoEvictionPolicy string

// The known meanings.
const (
	// PreferredNoEviction evicts other pods first.
	PreferredNoEviction NoEvictionPolicy = "Preferred"
	// MandatoryNoEviction never evicts the pod.
	MandatoryNoEviction NoEvictionPolicy = "Mandatory"
)

// PodProtection is a kind of pods that is not evicted.
type PodProtection string

// The protections that are on by default.
const (
	PodsWithLocalStorage PodProtection = "PodsWithLocalStorage"
	DaemonSetPods        PodProtection = "DaemonSetPods"
	SystemCriticalPods   PodProtection = "SystemCriticalPods"
	FailedBarePods       PodProtection = "FailedBarePods"
	// The upstream descheduler does not have PodsMarkedDoNotDisrupt and PodsOfGangs.
	PodsMarkedDoNotDisrupt PodProtection = "PodsMarkedDoNotDisrupt"
	PodsOfGangs            PodProtection = "PodsOfGangs"
)

// The protections that are off by default.
const (
	PodsWithPVC            PodProtection = "PodsWithPVC"
	PodsWithoutPDB         PodProtection = "PodsWithoutPDB"
	PodsWithResourceClaims PodProtection = "PodsWithResourceClaims"
)

var (
	defaultProtections = []PodProtection{PodsWithLocalStorage, DaemonSetPods, SystemCriticalPods, FailedBarePods, PodsMarkedDoNotDisrupt, PodsOfGangs}
	extraProtections   = []PodProtection{PodsWithPVC, PodsWithoutPDB, PodsWithResourceClaims}
)

// PodProtections change the protections that are on.
type PodProtections struct {
	// ExtraEnabled are protections to enable: PodsWithPVC, PodsWithoutPDB,
	// PodsWithResourceClaims. Default: none.
	ExtraEnabled []PodProtection `json:"extraEnabled"`
	// DefaultDisabled are protections to disable: PodsWithLocalStorage, DaemonSetPods,
	// SystemCriticalPods, FailedBarePods, PodsMarkedDoNotDisrupt, PodsOfGangs. Default: none.
	DefaultDisabled []PodProtection `json:"defaultDisabled"`
	// Config narrows protections.
	Config *PodProtectionsConfig `json:"config,omitempty"`
}

// PodProtectionsConfig narrows protections.
type PodProtectionsConfig struct {
	// PodsWithPVC narrows the protection of pods with volume claims.
	PodsWithPVC *PodsWithPVCConfig `json:"PodsWithPVC,omitempty"`
}

// PodsWithPVCConfig narrows the protection of pods with volume claims.
type PodsWithPVCConfig struct {
	// ProtectedStorageClasses are the only storage classes that are protected. Default: all.
	ProtectedStorageClasses []ProtectedStorageClass `json:"protectedStorageClasses,omitempty"`
}

// ProtectedStorageClass names a storage class.
type ProtectedStorageClass struct {
	// Name is the name of the storage class. Required.
	Name string `json:"name"`
}

// Protects says whether a protection is on.
func (a *DefaultEvictorArgs) Protects(protection PodProtection) bool {
	if slices.Contains(defaultProtections, protection) {
		return !slices.Contains(a.PodProtections.DefaultDisabled, protection)
	}
	return slices.Contains(a.PodProtections.ExtraEnabled, protection)
}
