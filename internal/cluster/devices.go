package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
)

// DeviceResources returns the extended resources in DeviceClasses, for which the scheduler
// creates claims on nodes that do not have the resources themselves.
func (s *Snapshot) DeviceResources() map[corev1.ResourceName]bool {
	names := map[corev1.ResourceName]bool{}
	for _, object := range s.Others {
		if class, ok := object.(*resourcev1.DeviceClass); ok {
			names[corev1.ResourceName(resourcev1.ResourceDeviceClassPrefix+class.Name)] = true
			if name := class.Spec.ExtendedResourceName; name != nil {
				names[corev1.ResourceName(*name)] = true
			}
		}
	}
	return names
}

// HasByClaim reports whether the scheduler has created a claim for the pod's request of an
// extended resource, which then does not use the node's allocatable.
func HasByClaim(pod *corev1.Pod, name corev1.ResourceName) bool {
	status := pod.Status.ExtendedResourceClaimStatus
	return status != nil && slices.ContainsFunc(status.RequestMappings, func(m corev1.ContainerExtendedResourceRequest) bool { return m.ResourceName == string(name) })
}
