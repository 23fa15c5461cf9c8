package ask

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// mebibyte is what lower requests of memory are rounded to.
const mebibyte = 1 << 20

// lower returns the change after which the pod requests so much less of a resource; false if
// it would request nothing then.
func lower(pod *corev1.Pod, name corev1.ResourceName, by int64) (Change, bool) {
	requested := cluster.Requests(pod)[name]
	if rounded := (by + mebibyte - 1) / mebibyte * mebibyte; inBytes(name) && rounded < requested {
		by = rounded
	}
	target := requested - by
	if by <= 0 || target <= 0 {
		return Change{}, false
	}
	return Change{
		Kind: Request,
		Text: fmt.Sprintf("request %s less %s (%s instead of %s)", Amount(name, by), name, Amount(name, target), Amount(name, requested)),
		cost: 1 + 6*float64(by)/float64(requested), // half of it is as much as a new node
		pod:  func(pod *corev1.Pod) { Lower(pod, name, target) },
	}, true
}

func inBytes(name corev1.ResourceName) bool {
	return name == corev1.ResourceMemory || name == corev1.ResourceEphemeralStorage
}

// Amount is an amount of a resource as people write it.
func Amount(name corev1.ResourceName, amount int64) string { return quantity(name, amount).String() }

func quantity(name corev1.ResourceName, amount int64) *resource.Quantity {
	switch {
	case name == corev1.ResourceCPU:
		return resource.NewMilliQuantity(amount, resource.DecimalSI)
	case inBytes(name):
		return resource.NewQuantity(amount, resource.BinarySI)
	}
	return resource.NewQuantity(amount, resource.DecimalSI)
}

// Lower lowers what the pod requests of a resource to the target: at the level of the pod if it
// requests it there, else in its largest containers first.
func Lower(pod *corev1.Pod, name corev1.ResourceName, target int64) {
	if pod.Spec.Resources != nil {
		if _, has := pod.Spec.Resources.Requests[name]; has {
			over := cluster.Requests(pod)[name] - target
			pod.Spec.Resources.Requests[name] = *quantity(name, max(0, in(name, pod.Spec.Resources.Requests)-over))
			return
		}
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		order := make([]*corev1.Container, 0, len(containers))
		for i := range containers {
			order = append(order, &containers[i])
		}
		slices.SortStableFunc(order, func(a, b *corev1.Container) int {
			return cmp.Compare(in(name, b.Resources.Requests), in(name, a.Resources.Requests))
		})
		for _, container := range order {
			over, has := cluster.Requests(pod)[name]-target, in(name, container.Resources.Requests)
			if over <= 0 {
				return
			}
			if has == 0 {
				continue
			}
			container.Resources.Requests[name] = *quantity(name, max(0, has-over))
			if strings.Contains(string(name), "/") { // of extended resources limits are the same
				container.Resources.Limits[name] = container.Resources.Requests[name]
			}
		}
	}
}

// in returns how much of a resource there is in a list.
func in(name corev1.ResourceName, list corev1.ResourceList) int64 {
	quantity := list[name]
	if name == corev1.ResourceCPU {
		return quantity.MilliValue()
	}
	return quantity.Value()
}

// mostNodesLowered is for how many nodes of a group a lower request is tried.
const mostNodesLowered = 3

// lowered returns the changes of requests that bring the pod closer to the nodes that lack least
// for it. Of a node that lacks several resources, one is tried at a time.
func lowered(pod *corev1.Pod, free map[string]cluster.Amounts) []Change {
	requests := cluster.Requests(pod)
	type lack struct {
		node  string
		lacks cluster.Amounts
		share float64
	}
	var all []lack
	for _, node := range slices.Sorted(maps.Keys(free)) {
		l := lack{node: node, lacks: cluster.Amounts{}}
		for name, amount := range requests {
			if missing := amount - free[node][name]; amount > 0 && missing > 0 {
				l.lacks[name] = missing
				l.share += float64(missing) / float64(amount)
			}
		}
		if len(l.lacks) > 0 {
			all = append(all, l)
		}
	}
	slices.SortStableFunc(all, func(a, b lack) int {
		return cmp.Or(cmp.Compare(len(a.lacks), len(b.lacks)), cmp.Compare(a.share, b.share))
	})
	var changes []Change
	for _, l := range all[:min(len(all), mostNodesLowered)] {
		name := slices.Min(slices.Collect(maps.Keys(l.lacks)))
		if change, possible := lower(pod, name, l.lacks[name]); possible {
			changes = append(changes, change)
		}
	}
	return changes
}
