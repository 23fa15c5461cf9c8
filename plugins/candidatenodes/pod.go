package candidatenodes

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/podkind"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// modelled reports whether only our plugins, the properties that identify a kind of pod, and its needs
// determine where the pod may go.
func (pl *CandidateNodes) modelled(pod *corev1.Pod) bool {
	spec := &pod.Spec
	return spec.NodeName == "" && !scan.OfGroup(pod) && len(spec.ResourceClaims) == 0 && !podkind.NamesNodes(spec) && !pl.asksForDevices(pod)
}

// asksForDevices reports whether the pod requests an extended resource that drivers provide
// as devices, which are not part of a node's allocatable.
func (pl *CandidateNodes) asksForDevices(pod *corev1.Pod) bool {
	manager := pl.framework.SharedDRAManager()
	if manager == nil {
		return false
	}
	resolver := manager.DeviceClassResolver()
	if resolver == nil {
		return false
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, container := range containers {
			for name := range container.Resources.Requests {
				if name != corev1.ResourceCPU && name != corev1.ResourceMemory && resolver.GetDeviceClass(name) != nil {
					return true
				}
			}
		}
	}
	return false
}

// labelsOf returns the keys of node labels that the pod uses.
func labelsOf(pod *corev1.Pod) []string {
	keys := slices.Collect(maps.Keys(pod.Spec.NodeSelector))
	for _, term := range podkind.NodeTerms(pod.Spec.Affinity) {
		for _, expression := range term.MatchExpressions {
			keys = append(keys, expression.Key)
		}
	}
	return keys
}
