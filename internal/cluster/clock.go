package cluster

import (
	"iter"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Newest returns the latest time that nodes have reported, or that something happened to a
// pod: close to when a picture was taken that does not say so itself. It is false where
// nothing is older than that, so that the times say nothing about ages.
//
// Other objects do not count: they change seldom, and what they have may be of another
// clock. Nor do times of deletion, which lie ahead.
func (s *Snapshot) Newest() (time.Time, bool) {
	var oldest, newest time.Time
	for t := range s.times() {
		if t.IsZero() {
			continue
		}
		if oldest.IsZero() || t.Time.Before(oldest) {
			oldest = t.Time
		}
		if t.Time.After(newest) {
			newest = t.Time
		}
	}
	return newest, newest.After(oldest)
}

// times yields the times that Newest looks at.
func (s *Snapshot) times() iter.Seq[metav1.Time] {
	return func(yield func(metav1.Time) bool) {
		for _, node := range s.Nodes {
			for i := range node.Status.Conditions {
				if !yield(node.Status.Conditions[i].LastHeartbeatTime) {
					return
				}
			}
		}
		for _, pod := range s.Pods {
			if !podTimes(pod, yield) {
				return
			}
		}
	}
}

// podTimes yields when something happened to a pod, until it is enough.
func podTimes(pod *corev1.Pod, yield func(metav1.Time) bool) bool {
	if !yield(pod.CreationTimestamp) || pod.Status.StartTime != nil && !yield(*pod.Status.StartTime) {
		return false
	}
	for i := range pod.Status.Conditions {
		if !yield(pod.Status.Conditions[i].LastTransitionTime) {
			return false
		}
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses, pod.Status.EphemeralContainerStatuses} {
		for i := range statuses {
			for _, state := range []corev1.ContainerState{statuses[i].State, statuses[i].LastTerminationState} {
				if running := state.Running; running != nil && !yield(running.StartedAt) {
					return false
				}
				if ended := state.Terminated; ended != nil && (!yield(ended.StartedAt) || !yield(ended.FinishedAt)) {
					return false
				}
			}
		}
	}
	return true
}
