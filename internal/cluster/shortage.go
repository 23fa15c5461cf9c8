package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// shortage means that a quota has no room for a pod: of which resource, how much is used, and
// what the limit is.
type shortage struct {
	resource      corev1.ResourceName
	used, limited resource.Quantity
}

// shortages parses the message of a refusal by quota. Other messages return nothing.
func (r refusal) shortages() []shortage {
	_, figures, _ := strings.Cut(r.message, ", used: ")
	used, limited, _ := strings.Cut(figures, ", limited: ")
	uses, limits := quantities(used), quantities(limited)
	var all []shortage
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		if used, known := uses[name]; known {
			all = append(all, shortage{name, used, limits[name]})
		}
	}
	return all
}

// quantities parses a list such as "requests.cpu=2,pods=4".
func quantities(list string) corev1.ResourceList {
	quantities := corev1.ResourceList{}
	for _, entry := range strings.Split(list, ",") {
		name, value, _ := strings.Cut(entry, "=")
		if quantity, err := resource.ParseQuantity(value); err == nil {
			quantities[corev1.ResourceName(name)] = quantity
		}
	}
	return quantities
}

// leavesTooLittle returns why the quota has no room for the replacement when the pod is gone,
// or "" if it has.
func (s shortage) leavesTooLittle(pod, replacement *corev1.Pod) string {
	after := s.used.DeepCopy()
	after.Sub(countedByQuota(s.resource, pod))
	after.Add(countedByQuota(s.resource, replacement))
	if after.Cmp(s.limited) <= 0 {
		return ""
	}
	return fmt.Sprintf("a quota has no room for its replacement: %s of %s would be used, and the limit is %s", after.String(), s.resource, s.limited.String())
}

// countedByQuota returns how much of a resource a quota counts for a pod. Names of resources
// have the prefix requests. or limits., and mean requests without one.
func countedByQuota(name corev1.ResourceName, pod *corev1.Pod) resource.Quantity {
	if name == corev1.ResourcePods || name == "count/pods" {
		return *resource.NewQuantity(1, resource.DecimalSI)
	}
	if limit, is := strings.CutPrefix(string(name), "limits."); is {
		return resourcehelper.PodLimits(pod, countOptions())[corev1.ResourceName(limit)]
	}
	request := strings.TrimPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
	return resourcehelper.PodRequests(pod, countOptions())[corev1.ResourceName(request)]
}
