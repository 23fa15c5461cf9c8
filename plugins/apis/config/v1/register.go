package v1

import (
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"
)

var (
	// SchemeGroupVersion is the group and version of the scheduler, see package config.
	SchemeGroupVersion = schedulerconfigv1.SchemeGroupVersion

	localSchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes, RegisterDefaults)
	// AddToScheme registers the versioned argument types, their defaults and conversions.
	AddToScheme = localSchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(SchemeGroupVersion,
		&BinPackingArgs{},
		&DedicatedNodesArgs{},
		&IndexedInterPodAffinityArgs{},
		&IndexedPodTopologySpreadArgs{},
		&PreemptibleNodesArgs{},
	)
	return nil
}
