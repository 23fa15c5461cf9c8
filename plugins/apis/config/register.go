package config

import (
	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
)

var (
	// SchemeGroupVersion is the group of the scheduler: the engine decodes the arguments of a
	// plugin NAME as kind NAMEArgs in the group and version of the configuration that
	// contains them.
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
