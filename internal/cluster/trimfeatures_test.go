package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/component-helpers/nodedeclaredfeatures/features"
)

// TestTrimmingKeepsWhatNodesMustDeclare has a pod for each way to need a feature that only some
// nodes declare, and fails when the scheduler learns of another that nobody has decided about.
func TestTrimmingKeepsWhatNodesMustDeclare(t *testing.T) {
	restartAll := corev1.Container{RestartPolicyRules: []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestartAllContainers}}}
	noExec := corev1.Container{VolumeMounts: []corev1.VolumeMount{{Name: "plain"}, {Name: "data", MountPath: "/data", BindMountOptions: []string{"noexec"}}}}
	undecided := sets.New[string]()
	for _, feature := range features.AllFeatures {
		undecided.Insert(feature.Name())
	}
	for _, tc := range []struct {
		name, feature string
		spec          corev1.PodSpec
	}{
		{"a container restarts all", "RestartAllContainersOnContainerExits", corev1.PodSpec{Containers: []corev1.Container{restartAll}}},
		{"an init container restarts all", "RestartAllContainersOnContainerExits", corev1.PodSpec{InitContainers: []corev1.Container{restartAll}}},
		{"users of its own in the host's network", "UserNamespacesHostNetworkSupport", corev1.PodSpec{HostNetwork: true, HostUsers: new(false)}},
		{"options of a container's mount", "VolumeBindMountOptions", corev1.PodSpec{Containers: []corev1.Container{noExec}}},
		{"options of an init container's mount", "VolumeBindMountOptions", corev1.PodSpec{InitContainers: []corev1.Container{noExec}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			undecided.Delete(tc.feature)
			less := trimmed(&corev1.Pod{Spec: tc.spec}).(*corev1.Pod)
			for which, spec := range map[string]*corev1.PodSpec{"full": &tc.spec, "trimmed": &less.Spec} {
				var needs []string
				for _, feature := range features.AllFeatures {
					if feature.InferForScheduling(&nodedeclaredfeatures.PodInfo{Spec: spec}) {
						needs = append(needs, feature.Name())
					}
				}
				if diff := cmp.Diff([]string{tc.feature}, needs); diff != "" {
					t.Errorf("features that the %s pod needs (-want +got):\n%s", which, diff)
				}
			}
		})
	}
	// These matter to those who change pods that run, or are asked for by claims.
	undecided.Delete("InPlacePodLevelResourcesVerticalScaling", "ExtendWebSocketsToKubelet", "InPlacePodVerticalScalingInitContainers", "InPlacePodVerticalScalingMemoryBackedVolumes", "DRANodeAllocatableResources", "DRAOptionalNodeOperations")
	if undecided.Len() > 0 {
		t.Errorf("features that pods may need and nobody has decided about: %v", sets.List(undecided))
	}
}
