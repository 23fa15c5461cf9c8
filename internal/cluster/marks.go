package cluster

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The annotations by which people ask disruptors to leave a pod or a node alone.
const (
	doNotDisrupt      = "karpenter.sh/do-not-disrupt"
	safeToEvict       = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	scaleDownDisabled = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
)

// Mark is an annotation by which somebody asks every disruptor to leave a pod or a node
// alone.
type Mark struct{ Annotation, Value string }

func (m Mark) String() string { return fmt.Sprintf("%s: %q", m.Annotation, m.Value) }

// DoNotDisrupt returns the mark that asks for the pod to be left alone, if one holds. Marks
// mean what the autoscalers that read them say: other values than theirs are no marks. A pod
// that has ended or is on its way out has nothing left to disrupt.
func DoNotDisrupt(pod *corev1.Pod, now time.Time) (Mark, bool) {
	if !Holds(pod) || pod.DeletionTimestamp != nil {
		return Mark{}, false
	}
	if value := pod.Annotations[doNotDisrupt]; value == "true" || lasts(value, pod, now) {
		return Mark{doNotDisrupt, value}, true
	}
	if value := pod.Annotations[safeToEvict]; value == "false" {
		return Mark{safeToEvict, value}, true
	}
	return Mark{}, false
}

// KeepsNode returns the mark of the pod that keeps autoscalers from taking its node away, if one
// does. Who reads safe-to-evict does not look for it on pods that are part of their node.
func KeepsNode(pod *corev1.Pod, now time.Time) (Mark, bool) {
	mark, marked := DoNotDisrupt(pod, now)
	if mark.Annotation == safeToEvict && BelongsToNode(pod) {
		return Mark{}, false
	}
	return mark, marked
}

// lasts reports whether the value is a duration from the start of the pod that is not over: it
// has not begun where the pod has not started.
func lasts(value string, pod *corev1.Pod, now time.Time) bool {
	duration, err := time.ParseDuration(value)
	if err != nil || duration <= 0 {
		return false
	}
	start := pod.Status.StartTime
	return start == nil || now.Before(start.Add(duration))
}

// NodeDoNotDisrupt returns the mark that asks for the node to be left alone, if one holds:
// no autoscaler takes such a node away.
func NodeDoNotDisrupt(node *corev1.Node) (Mark, bool) {
	for _, annotation := range []string{doNotDisrupt, scaleDownDisabled} {
		if node.Annotations[annotation] == "true" {
			return Mark{annotation, "true"}, true
		}
	}
	return Mark{}, false
}
