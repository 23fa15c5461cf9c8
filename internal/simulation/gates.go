package simulation

import (
	"fmt"
	"sync"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"
)

// followCluster enables features that are disabled by default and that clusters may have
// enabled: counting a node's own resources that claims use, like cluster.Requests, and
// tolerations that compare numbers, like cluster.Stay. In a cluster without these features,
// they have no effect.
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
