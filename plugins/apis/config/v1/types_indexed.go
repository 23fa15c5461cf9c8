package v1

import (
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"
)

// The types below embed the engine's types instead of being aliases: a Go type is encoded
// under one kind, so a configuration that was written could not be read.

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:defaulter-gen=true

// IndexedInterPodAffinityArgs holds the arguments of the IndexedInterPodAffinity plugin,
// which are those of InterPodAffinity, with the same defaults.
type IndexedInterPodAffinityArgs struct {
	schedulerconfigv1.InterPodAffinityArgs `json:",inline"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:defaulter-gen=true

// IndexedPodTopologySpreadArgs holds the arguments of the IndexedPodTopologySpread plugin,
// which are those of PodTopologySpread, with the same defaults.
type IndexedPodTopologySpreadArgs struct {
	schedulerconfigv1.PodTopologySpreadArgs `json:",inline"`
}
