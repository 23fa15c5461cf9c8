package cluster

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	resourcehelper "k8s.io/component-helpers/resource"
	"k8s.io/kubernetes/pkg/features"
)

// Amounts holds a quantity of each resource: millicores of cpu, bytes of memory
// and storage, a count of anything else.
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

// Requests returns what a pod requests, as the scheduler counts it, and one of the node's
// pods. Overhead, init containers and pod-level resources are in it; where a pod is being
// resized it is the most of what it asks for, was granted and has, each of them summed up over
// its containers, or as its node tells it of the pod as a whole; and where the node cannot
// grant it, without what it asks for. Schedulers before 1.37 took the most of each container.
// Nothing in the product counts otherwise.
func Requests(pod *corev1.Pod) Amounts {
	amounts := amountsOf(resourcehelper.PodRequests(pod, countOptions()))
	amounts[corev1.ResourcePods] = 1
	return amounts
}

// countOptions are those of the engine's framework.PodInfo, by the same feature gates. That
// itself counts again for scores, with a least request of each container, and takes three
// times as long. What claims take of a node is in a pod's status only where the cluster's
// schedulers count it, whatever the gate is here; simulations have it on.
func countOptions() resourcehelper.PodResourcesOptions {
	on := utilfeature.DefaultFeatureGate.Enabled
	return resourcehelper.PodResourcesOptions{
		UseStatusResources: on(features.InPlacePodVerticalScaling),
		InPlacePodLevelResourcesVerticalScalingEnabled: on(features.InPlacePodLevelResourcesVerticalScaling),
		SkipPodLevelResources:                          !on(features.PodLevelResources),
		UseDRANodeAllocatableResourceClaimStatus:       true,
	}
}

// Allocatable returns what a node offers to pods.
func Allocatable(node *corev1.Node) Amounts {
	return amountsOf(node.Status.Allocatable)
}

// Add adds the other amounts, factor times.
func (a Amounts) Add(others Amounts, factor int64) {
	for name, amount := range others {
		a[name] += factor * amount
	}
}

// Exceeding returns the first resource, by name, of which the amounts are more
// than what is free, if there is any.
func (a Amounts) Exceeding(free Amounts) (corev1.ResourceName, bool) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name] > 0 && a[name] > free[name] {
			return name, true
		}
	}
	return "", false
}

// fits reports whether the amounts fit into what is free.
func (a Amounts) fits(free Amounts) bool {
	_, exceeds := a.Exceeding(free)
	return !exceeds
}
