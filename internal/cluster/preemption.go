package cluster

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
)

// LowestPriority returns the lowest priority of the pods that are on a node.
func LowestPriority(pods []*corev1.Pod) int32 {
	lowest := int32(math.MaxInt32)
	for _, pod := range pods {
		if pod.Spec.NodeName != "" && Holds(pod) {
			lowest = min(lowest, v1helper.PodPriority(pod))
		}
	}
	return lowest
}

// MayPreempt reports whether the scheduler might preempt other pods for the pod, given the
// lowest priority on a node.
func MayPreempt(pod *corev1.Pod, lowest int32) bool {
	if policy := pod.Spec.PreemptionPolicy; policy != nil && *policy == corev1.PreemptNever {
		return false
	}
	return v1helper.PodPriority(pod) > lowest
}
