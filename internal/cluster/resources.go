package cluster

import (
	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
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

// Requests returns what a pod requests, as the scheduler counts it: overhead, init
// containers and pod-level resources included, and one of the node's pods.
func Requests(pod *corev1.Pod) Amounts {
	amounts := amountsOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{}))
	amounts[corev1.ResourcePods] = 1
	return amounts
}

// Allocatable returns what a node offers to pods.
func Allocatable(node *corev1.Node) Amounts {
	return amountsOf(node.Status.Allocatable)
}

// add adds others to the amounts, factor times.
func (a Amounts) add(others Amounts, factor int64) {
	for name, amount := range others {
		a[name] += factor * amount
	}
}

// fits says whether the amounts fit into what is free.
func (a Amounts) fits(free Amounts) bool {
	for name, amount := range a {
		if amount > free[name] {
			return false
		}
	}
	return true
}
