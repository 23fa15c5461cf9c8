package cluster

import (
	"iter"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Newest returns about when a picture was taken that does not say so itself: the latest time
// in it up to the one given, for a kubelet's clock may be ahead. It is false where no time is
// older than another, so that they say nothing about ages.
//
// What nodes report and what happened to pods comes first, then what else nodes have, then
// all other objects: these change seldom, and what they have may be of another clock.
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

// reports yields when nodes reported last, and when something happened to pods.
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

// nodeTimes yields when something happened to nodes.
func (s *Snapshot) nodeTimes(yield func(metav1.Time) bool) {
	for _, node := range s.Nodes {
		if !ownTimes(node, yield) || !timesIn(reflect.ValueOf(&node.Status), yield) {
			return
		}
	}
}

// otherTimes yields when something happened to objects that are neither nodes nor pods.
func (s *Snapshot) otherTimes(yield func(metav1.Time) bool) {
	for o := range s.BesidesPods() {
		if !ownTimes(o.(metav1.Object), yield) || !timesIn(reflect.ValueOf(o).Elem().FieldByName("Status"), yield) {
			return
		}
	}
}

// ownTimes yields when an object was made, and when it was asked to go: its time of deletion
// itself lies ahead.
func ownTimes(o metav1.Object, yield func(metav1.Time) bool) bool {
	if !yield(o.GetCreationTimestamp()) {
		return false
	}
	gone, grace := o.GetDeletionTimestamp(), o.GetDeletionGracePeriodSeconds()
	return gone == nil || grace == nil || yield(metav1.NewTime(gone.Add(-time.Duration(*grace)*time.Second)))
}

// timesIn yields all times in a value, until it is enough.
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

// podTimes yields when something happened to a pod, until it is enough.
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
