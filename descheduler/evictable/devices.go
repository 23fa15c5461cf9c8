package evictable

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// newDeviceCheck protects pods with resource claims, whether they ask for them or for an
// extended resource that the scheduler makes a claim for: one that a DeviceClass names, and
// that the pod's node does not have itself.
func newDeviceCheck(picture *cluster.Snapshot) check {
	classes := picture.DeviceResources()
	nodes := map[string]*corev1.Node{}
	if len(classes) > 0 {
		for _, node := range picture.Nodes {
			nodes[node.Name] = node
		}
	}
	return func(pod *corev1.Pod) string {
		if len(pod.Spec.ResourceClaims) > 0 {
			return "it has resource claims (" + pod.Spec.ResourceClaims[0].Name + ")"
		}
		if status := pod.Status.ExtendedResourceClaimStatus; status != nil {
			return "it has a resource claim for extended resources (" + status.ResourceClaimName + ")"
		}
		node := nodes[pod.Spec.NodeName]
		if node == nil {
			return ""
		}
		for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for _, name := range slices.Sorted(maps.Keys(container.Resources.Requests)) {
				asked, own := container.Resources.Requests[name], node.Status.Allocatable[name]
				if classes[name] && !asked.IsZero() && own.IsZero() {
					return "it has devices of the extended resource " + string(name)
				}
			}
		}
		return ""
	}
}
