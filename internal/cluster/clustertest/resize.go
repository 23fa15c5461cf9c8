// Package clustertest sets fields that pods have in real clusters: random ones for property
// tests, or those of a kubelet.
package clustertest

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
	"pgregory.net/rapid"
)

// DrawResize puts the pod into a random state of a resize: the allocated and actual resources
// of its containers and of the pod differ from the requested ones, and the node may have
// deferred the resize or may not be able to perform it.
func DrawResize(t *rapid.T, pod *corev1.Pod) {
	pod.Status.ContainerStatuses = drawStatuses(t, pod.Spec.Containers)
	pod.Status.InitContainerStatuses = drawStatuses(t, pod.Spec.InitContainers)
	if rapid.Bool().Draw(t, "pod's status") { // kubelets of 1.36 and later set it for all pods
		requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
		pod.Status.AllocatedResources = drawScaled(t, requests)
		pod.Status.Resources = &corev1.ResourceRequirements{Requests: drawScaled(t, requests)}
	}
	condition := rapid.SampledFrom([]corev1.PodCondition{
		{}, {Type: corev1.PodResizeInProgress},
		{Type: corev1.PodResizePending, Reason: corev1.PodReasonDeferred}, {Type: corev1.PodResizePending, Reason: corev1.PodReasonInfeasible},
	}).Draw(t, "resize")
	if condition.Status = corev1.ConditionTrue; condition.Type != "" {
		pod.Status.Conditions = append(slices.Clone(pod.Status.Conditions), condition)
	}
}

// drawStatuses omits some: a container that has not started has no status, and a kubelet
// without support for resizes reports no resources.
func drawStatuses(t *rapid.T, containers []corev1.Container) []corev1.ContainerStatus {
	var statuses []corev1.ContainerStatus
	for _, c := range containers {
		status := corev1.ContainerStatus{Name: c.Name}
		switch rapid.SampledFrom([]string{"", "silent", "resources"}).Draw(t, "status of "+c.Name) {
		case "":
			continue
		case "resources":
			status.AllocatedResources = drawScaled(t, c.Resources.Requests)
			status.Resources = &corev1.ResourceRequirements{Requests: drawScaled(t, c.Resources.Requests)}
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// drawScaled draws half, all or twice the resources that can be resized.
func drawScaled(t *rapid.T, list corev1.ResourceList) corev1.ResourceList {
	scaled := list.DeepCopy()
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if quantity, has := list[name]; has {
			half := rapid.Int64Range(1, 4).Draw(t, string(name))
			scaled[name] = *resource.NewMilliQuantity(quantity.MilliValue()*half/2, quantity.Format)
		}
	}
	return scaled
}
