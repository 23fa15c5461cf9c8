package cluster

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// SchedulerTransform returns a transform for a scheduler's informers of pods, nodes and workloads.
// Nodes, pods that have one, and workloads are trimmed and share equal parts, as those of a Follower:
// the engine counts them, and reads no more of them than a prediction does. What it changes of a pod on a node
// are conditions, by patches of what is different.
//
// A pod that waits for a node stays as it is, but for managed fields, which the engine's own
// transform removes, too. Few wait at once, and most of them for a moment: that is not worth the
// time, and such a pod is what the engine works on, and hands to others.
//
// It is not for other kinds: the engine writes volumes and claims back as it has read them.
func SchedulerTransform() cache.TransformFunc {
	trim := newTransform()
	return func(obj any) (any, error) {
		pod, is := obj.(*corev1.Pod)
		if !is || pod.Spec.NodeName != "" {
			return trim(obj)
		}
		if pod.ManagedFields != nil { // else it may be in use already: a transform sees objects twice
			pod.ManagedFields = nil
		}
		return pod, nil
	}
}
