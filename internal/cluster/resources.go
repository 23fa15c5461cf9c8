package cluster

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/framework"
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

// Requests returns what a pod requests: the scheduler's own count, and one of the
// node's pods. Overhead, init containers and pod-level resources are in it; where a pod
// is being resized it is the most of what it asks for, was granted and has, and where the
// node cannot grant it, without what it asks for. Nothing in the product counts otherwise.
func Requests(pod *corev1.Pod) Amounts {
	counted := (&framework.PodInfo{Pod: pod}).CalculateResource().Resource
	amounts := Amounts{
		corev1.ResourceCPU: counted.GetMilliCPU(), corev1.ResourceMemory: counted.GetMemory(),
		corev1.ResourceEphemeralStorage: counted.GetEphemeralStorage(), corev1.ResourcePods: 1,
	}
	maps.Copy(amounts, counted.GetScalarResources())
	maps.DeleteFunc(amounts, func(_ corev1.ResourceName, amount int64) bool { return amount == 0 })
	return amounts
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

// fits says whether the amounts fit into what is free.
func (a Amounts) fits(free Amounts) bool {
	_, exceeds := a.Exceeding(free)
	return !exceeds
}
