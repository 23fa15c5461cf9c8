package cluster

import (
	"iter"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Newest returns approximately when a snapshot without a time was taken: the latest time in
// it that is not after the given one, because a kubelet's clock may be ahead. It returns
// false if all times are equal, so that they do not indicate ages.
//
// Reports of nodes and changes of pods come first, then other times of nodes, then all other
// objects, which change rarely and may have been created with another clock.
func (s *Snapshot) Newest(until time.Time) (time.Time, bool) {
	var oldest, newest time.Time
	for _, times := range []iter.Seq[metav1.Time]{s.reports, s.nodeTimes, s.otherTimes} {
		for t := range times {
			if t.IsZero() || t.After(until) {
				continue
			}
			if oldest.IsZero() || t.Time.Before(oldest) {
				oldest = t.Time
			}
			if t.Time.After(newest) {
				newest = t.Time
			}
		}
		if newest.After(oldest) {
			return newest, true
		}
	}
	return time.Time{}, false
}

// reports yields the times of the nodes' last reports and of the pods' changes.
func (s *Snapshot) reports(yield func(metav1.Time) bool) {
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

// nodeTimes yields the times of nodes.
func (s *Snapshot) nodeTimes(yield func(metav1.Time) bool) {
	for _, node := range s.Nodes {
		if !ownTimes(node, yield) || !timesIn(reflect.ValueOf(&node.Status), yield) {
			return
		}
	}
}

// otherTimes yields the times of objects other than nodes and pods.
func (s *Snapshot) otherTimes(yield func(metav1.Time) bool) {
	for o := range s.BesidesPods() {
		if !ownTimes(o.(metav1.Object), yield) || !timesIn(reflect.ValueOf(o).Elem().FieldByName("Status"), yield) {
			return
		}
	}
}

// ownTimes yields when an object was created, and when its deletion was requested: its
// deletion timestamp is in the future.
func ownTimes(o metav1.Object, yield func(metav1.Time) bool) bool {
	if !yield(o.GetCreationTimestamp()) {
		return false
	}
	gone, grace := o.GetDeletionTimestamp(), o.GetDeletionGracePeriodSeconds()
	return gone == nil || grace == nil || yield(metav1.NewTime(gone.Add(-time.Duration(*grace)*time.Second)))
}

// timesIn yields all times in a value until yield returns false.
func timesIn(v reflect.Value, yield func(metav1.Time) bool) bool {
	switch v.Kind() {
	case reflect.Pointer:
		return timesIn(v.Elem(), yield)
	case reflect.Slice:
		for i := range v.Len() {
			if !timesIn(v.Index(i), yield) {
				return false
			}
		}
	case reflect.Struct:
		if t, is := v.Interface().(metav1.Time); is {
			return yield(t)
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !timesIn(v.Field(i), yield) {
				return false
			}
		}
	}
	return true
}

// podTimes yields the times of a pod until yield returns false.
func podTimes(pod *corev1.Pod, yield func(metav1.Time) bool) bool {
	if !ownTimes(pod, yield) || pod.Status.StartTime != nil && !yield(*pod.Status.StartTime) {
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
