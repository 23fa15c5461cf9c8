package cluster

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/features"
)

// Amounts maps resources to quantities: millicores of cpu, bytes of memory and storage, a
// count for other resources.
type Amounts map[corev1.ResourceName]int64

// amountsOf converts a list of quantities.
func amountsOf(list corev1.ResourceList) Amounts {
	amounts := make(Amounts, len(list))
	for name, quantity := range list {
		if name == corev1.ResourceCPU {
			amounts[name] = quantity.MilliValue()
		} else {
			amounts[name] = quantity.Value()
		}
	}
	return amounts
}

// Requests returns the pod's requests, as the scheduler counts them, and 1 of the resource
// pods. They include overhead, init containers and pod-level resources. During a resize they
// are the maximum of the requested, allocated and actual resources, each summed up over the
// containers, or as reported by the node for the whole pod; if the node cannot perform the
// resize, the requested ones do not count. Schedulers before 1.37 used the maximum for each
// container. Nothing in the product counts differently.
func Requests(pod *corev1.Pod) Amounts {
	amounts := amountsOf(resourcehelper.PodRequests(pod, countOptions()))
	amounts[corev1.ResourcePods] = 1
	return amounts
}

// countOptions are those of the engine's framework.PodInfo, with the same feature gates.
// PodInfo also computes requests for scores, with a minimum for each container, and takes
// three times as long. The node resources that claims use are only in a pod's status if the
// cluster's schedulers count them, regardless of the gate here; simulations enable it.
func countOptions() resourcehelper.PodResourcesOptions {
	on := utilfeature.DefaultFeatureGate.Enabled
	return resourcehelper.PodResourcesOptions{
		UseStatusResources: on(features.InPlacePodVerticalScaling),
		InPlacePodLevelResourcesVerticalScalingEnabled: on(features.InPlacePodLevelResourcesVerticalScaling),
		SkipPodLevelResources:                          !on(features.PodLevelResources),
		UseDRANodeAllocatableResourceClaimStatus:       true,
	}
}

// Allocatable returns the allocatable resources of a node.
func Allocatable(node *corev1.Node) Amounts {
	return amountsOf(node.Status.Allocatable)
}

// Add adds the other amounts, multiplied by factor.
func (a Amounts) Add(others Amounts, factor int64) {
	for name, amount := range others {
		a[name] += factor * amount
	}
}

// Exceeding returns the first resource, by name, of which the amounts exceed the free
// amounts, if there is one.
func (a Amounts) Exceeding(free Amounts) (corev1.ResourceName, bool) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] > 0 && a[name] > free[name] {
			return name, true
		}
	}
	return "", false
}

// fits reports whether the amounts fit into the free amounts.
func (a Amounts) fits(free Amounts) bool {
	_, exceeds := a.Exceeding(free)
	return !exceeds
}
