package config

import (
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
)

var (
	// SchemeGroupVersion is the scheduler's own group: the engine decodes the
	// arguments of a plugin NAME as kind NAMEArgs of the group and version of
	// the configuration that they stand in.
	SchemeGroupVersion = schedulerconfig.SchemeGroupVersion

	localSchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)
	// AddToScheme registers the internal argument types.
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
