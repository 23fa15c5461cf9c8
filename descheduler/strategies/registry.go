// Package strategies holds the built-in strategies. Each has a file, or a few, of its own.
package strategies

import (
	"fmt"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// All returns the built-in strategies, by name.
func All() []strategy.Plugin {
	constructors := map[string]func(policy.Args, strategy.Env) (strategy.Strategy, error){
		policy.Consolidate:                                 NewConsolidate,
		policy.HighNodeUtilization:                         NewHighNodeUtilization,
		policy.LowNodeUtilization:                          NewLowNodeUtilization,
		policy.PodLifeTime:                                 NewPodLifeTime,
		policy.RemoveDuplicates:                            NewRemoveDuplicates,
		policy.RemoveFailedPods:                            NewRemoveFailedPods,
		policy.RemovePodsHavingTooManyRestarts:             NewRemovePodsHavingTooManyRestarts,
		policy.RemovePodsViolatingInterPodAntiAffinity:     NewRemovePodsViolatingInterPodAntiAffinity,
		policy.RemovePodsViolatingNodeAffinity:             NewRemovePodsViolatingNodeAffinity,
		policy.RemovePodsViolatingNodeTaints:               NewRemovePodsViolatingNodeTaints,
		policy.RemovePodsViolatingTopologySpreadConstraint: NewRemovePodsViolatingTopologySpreadConstraint,
		policy.RestorePreemptible:                          NewRestorePreemptible,
	}
	var all []strategy.Plugin
	for _, known := range policy.KnownPlugins() {
		if known.Name == policy.DefaultEvictor {
			continue // it decides what may go, and proposes nothing
		}
		constructor, has := constructors[known.Name]
		if !has {
			panic(fmt.Sprintf("plugin %s has no strategy", known.Name))
		}
		all = append(all, strategy.Plugin{Plugin: known, New: constructor})
	}
	return all
}
