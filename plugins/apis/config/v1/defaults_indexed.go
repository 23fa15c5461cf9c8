package v1

import (
	schedulerv1 "k8s.io/kubernetes/pkg/scheduler/apis/config/v1"
)

// SetDefaults_IndexedInterPodAffinityArgs sets the defaults of InterPodAffinity.
func SetDefaults_IndexedInterPodAffinityArgs(args *IndexedInterPodAffinityArgs) {
	schedulerv1.SetDefaults_InterPodAffinityArgs(&args.InterPodAffinityArgs)
}

// SetDefaults_IndexedPodTopologySpreadArgs sets the defaults of PodTopologySpread.
func SetDefaults_IndexedPodTopologySpreadArgs(args *IndexedPodTopologySpreadArgs) {
	schedulerv1.SetDefaults_PodTopologySpreadArgs(&args.PodTopologySpreadArgs)
}
