package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultEvictorArgs say which pods may be evicted at all.
type DefaultEvictorArgs struct {
	// NodeSelector limits by label the nodes that count for NodeFit.
	NodeSelector *string `json:"nodeSelector,omitempty"`
	// LabelSelector selects the pods that may be evicted. Nil means all.
	LabelSelector *metav1.LabelSelector `json:"labelSelector,omitempty"`
	// NamespaceLabelSelector selects the namespaces whose pods may be evicted.
	NamespaceLabelSelector *metav1.LabelSelector `json:"namespaceLabelSelector,omitempty"`
	// PriorityThreshold protects pods of this priority and above. Nil means that of
	// system-cluster-critical.
	PriorityThreshold *PriorityThreshold `json:"priorityThreshold,omitempty"`
	// NodeFit asks for a node that the pod could go to.
	NodeFit bool `json:"nodeFit"`
	// MinReplicas protects pods whose owner has fewer replicas. 0 and 1 mean none.
	MinReplicas uint `json:"minReplicas"`
	// MinPodAge protects pods that started less long ago, and those that did not yet.
	// Nil protects neither.
	MinPodAge *metav1.Duration `json:"minPodAge,omitempty"`
	// NoEvictionPolicy is what the annotation against eviction means.
	NoEvictionPolicy NoEvictionPolicy `json:"noEvictionPolicy"`
	// PodProtections change the protections that are on.
	PodProtections PodProtections `json:"podProtections"`

	// EvictLocalStoragePods is deprecated for defaultDisabled: [PodsWithLocalStorage].
	EvictLocalStoragePods bool `json:"evictLocalStoragePods,omitempty"`
	// EvictDaemonSetPods is deprecated for defaultDisabled: [DaemonSetPods].
	EvictDaemonSetPods bool `json:"evictDaemonSetPods,omitempty"`
	// EvictSystemCriticalPods is deprecated for defaultDisabled: [SystemCriticalPods].
	EvictSystemCriticalPods bool `json:"evictSystemCriticalPods,omitempty"`
	// EvictFailedBarePods is deprecated for defaultDisabled: [FailedBarePods].
	EvictFailedBarePods bool `json:"evictFailedBarePods,omitempty"`
	// IgnorePvcPods is deprecated for extraEnabled: [PodsWithPVC].
	IgnorePvcPods bool `json:"ignorePvcPods,omitempty"`
	// IgnorePodsWithoutPDB is deprecated for extraEnabled: [PodsWithoutPDB].
	IgnorePodsWithoutPDB bool `json:"ignorePodsWithoutPDB,omitempty"`
}

// PriorityThreshold is a priority, given as a number or by its class.
type PriorityThreshold struct {
	Value *int32 `json:"value,omitempty" strict:"null"`
	Name  string `json:"name,omitempty"`
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
	// ExtraEnabled are on besides.
	ExtraEnabled []PodProtection `json:"extraEnabled"`
	// DefaultDisabled are off.
	DefaultDisabled []PodProtection `json:"defaultDisabled"`
	// Config narrows protections.
	Config *PodProtectionsConfig `json:"config,omitempty"`
}

// PodProtectionsConfig narrows protections.
type PodProtectionsConfig struct {
	PodsWithPVC *PodsWithPVCConfig `json:"PodsWithPVC,omitempty"`
}

// PodsWithPVCConfig narrows the protection of pods with volume claims.
type PodsWithPVCConfig struct {
	// ProtectedStorageClasses are the only ones protected. None means all.
	ProtectedStorageClasses []ProtectedStorageClass `json:"protectedStorageClasses,omitempty"`
}

// ProtectedStorageClass names a storage class.
type ProtectedStorageClass struct {
	Name string `json:"name"`
}

// Protects says whether a protection is on.
func (a *DefaultEvictorArgs) Protects(protection PodProtection) bool {
	if slices.Contains(defaultProtections, protection) {
		return !slices.Contains(a.PodProtections.DefaultDisabled, protection)
	}
	return slices.Contains(a.PodProtections.ExtraEnabled, protection)
}
