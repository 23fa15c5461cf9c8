package config

import (
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
)

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// IndexedInterPodAffinityArgs holds the arguments of the IndexedInterPodAffinity plugin,
// which are those of InterPodAffinity.
type IndexedInterPodAffinityArgs struct {
	schedulerconfig.InterPodAffinityArgs
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object

// IndexedPodTopologySpreadArgs holds the arguments of the IndexedPodTopologySpread plugin,
// which are those of PodTopologySpread.
type IndexedPodTopologySpreadArgs struct {
	schedulerconfig.PodTopologySpreadArgs
}

// SpreadArgs returns the arguments for PodTopologySpread.
func (a *IndexedPodTopologySpreadArgs) SpreadArgs() *schedulerconfig.PodTopologySpreadArgs {
	return &a.PodTopologySpreadArgs
}
