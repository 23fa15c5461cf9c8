package simulation

import (
	"fmt"
	"sync"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"
)

// followCluster turns on what the engine has off unless told, and clusters may have on: that
// it counts what claims take of a node's own resources, as cluster.Requests does, and that
// tolerations compare numbers, as cluster.Stay does. A cluster without these features has no
// pods or devices that say so: there it changes nothing.
var followCluster = sync.OnceValue(func() error {
	err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{
		string(features.DRANodeAllocatableResources):        true,
		string(features.TaintTolerationComparisonOperators): true,
	})
	if err != nil {
		return fmt.Errorf("setting up the engine: %w", err)
	}
	return nil
})
