package v1

import (
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"
)

// The types below hold the engine's own instead of being second names of them: a Go
// type is encoded under one name, so a configuration that is written out would not
// be one that can be read.

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:defaulter-gen=true

// IndexedInterPodAffinityArgs holds the arguments of the IndexedInterPodAffinity
// plugin: those of InterPodAffinity, with the same defaults.
type IndexedInterPodAffinityArgs struct {
	schedulerconfigv1.InterPodAffinityArgs `json:",inline"`
}

// +k8s:deepcopy-gen:interfaces=k8s.io/apimachinery/pkg/runtime.Object
// +k8s:defaulter-gen=true

// IndexedPodTopologySpreadArgs holds the arguments of the IndexedPodTopologySpread
// plugin: those of PodTopologySpread, with the same defaults.
type IndexedPodTopologySpreadArgs struct {
	schedulerconfigv1.PodTopologySpreadArgs `json:",inline"`
}
