package simulation

import (
	"fmt"
	"sync"

	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/features"
)

// countClaims lets the engine count what claims take of a node's own resources, as
// cluster.Requests does. A cluster without that feature has neither pods nor devices that say
// so: there it changes nothing.
var countClaims = sync.OnceValue(func() error {
	err := utilfeature.DefaultMutableFeatureGate.SetFromMap(map[string]bool{string(features.DRANodeAllocatableResources): true})
	if err != nil {
		return fmt.Errorf("setting up the engine: %w", err)
	}
	return nil
})
