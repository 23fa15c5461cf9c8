package v1

import (
	"k8s.io/apimachinery/pkg/conversion"
	schedulerconfigv1 "k8s.io/kube-scheduler/config/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerv1 "k8s.io/kubernetes/pkg/scheduler/apis/config/v1"
)

// The generator does not find the engine's own conversions, because they are generated. They
// must be declared here.

// Convert_v1_InterPodAffinityArgs_To_config_InterPodAffinityArgs calls the engine's
// conversion.
func Convert_v1_InterPodAffinityArgs_To_config_InterPodAffinityArgs(in *schedulerconfigv1.InterPodAffinityArgs, out *schedulerconfig.InterPodAffinityArgs, s conversion.Scope) error {
	return schedulerv1.Convert_v1_InterPodAffinityArgs_To_config_InterPodAffinityArgs(in, out, s)
}

// Convert_config_InterPodAffinityArgs_To_v1_InterPodAffinityArgs calls the engine's
// conversion.
func Convert_config_InterPodAffinityArgs_To_v1_InterPodAffinityArgs(in *schedulerconfig.InterPodAffinityArgs, out *schedulerconfigv1.InterPodAffinityArgs, s conversion.Scope) error {
	return schedulerv1.Convert_config_InterPodAffinityArgs_To_v1_InterPodAffinityArgs(in, out, s)
}

// Convert_v1_PodTopologySpreadArgs_To_config_PodTopologySpreadArgs calls the engine's
// conversion.
func Convert_v1_PodTopologySpreadArgs_To_config_PodTopologySpreadArgs(in *schedulerconfigv1.PodTopologySpreadArgs, out *schedulerconfig.PodTopologySpreadArgs, s conversion.Scope) error {
	return schedulerv1.Convert_v1_PodTopologySpreadArgs_To_config_PodTopologySpreadArgs(in, out, s)
}

// Convert_config_PodTopologySpreadArgs_To_v1_PodTopologySpreadArgs calls the engine's
// conversion.
func Convert_config_PodTopologySpreadArgs_To_v1_PodTopologySpreadArgs(in *schedulerconfig.PodTopologySpreadArgs, out *schedulerconfigv1.PodTopologySpreadArgs, s conversion.Scope) error {
	return schedulerv1.Convert_config_PodTopologySpreadArgs_To_v1_PodTopologySpreadArgs(in, out, s)
}
