// Package usage reads the amounts of resources by name.
package usage

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Of returns the requested and the allocatable amount of a resource on the node.
func Of(node fwk.NodeInfo, resource corev1.ResourceName) (requested, allocatable int64) {
	if resource == corev1.ResourcePods {
		return int64(len(node.GetPods())), int64(node.GetAllocatable().GetAllowedPodNumber())
	}
	return Quantity(node.GetRequested(), resource), Quantity(node.GetAllocatable(), resource)
}

// Quantity returns the amount of one resource, in the engine's units.
func Quantity(r fwk.Resource, name corev1.ResourceName) int64 {
	switch name {
	case corev1.ResourceCPU:
		return r.GetMilliCPU()
	case corev1.ResourceMemory:
		return r.GetMemory()
	case corev1.ResourceEphemeralStorage:
		return r.GetEphemeralStorage()
	default:
		return r.GetScalarResources()[name]
	}
}
