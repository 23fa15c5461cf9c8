package cluster

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// The annotations that protect a pod or a node from disruption.
const (
	doNotDisrupt      = "karpenter.sh/do-not-disrupt"
	safeToEvict       = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	scaleDownDisabled = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
)

// Mark is an annotation that protects a pod or a node from disruption.
type Mark struct{ Annotation, Value string }

func (m Mark) String() string { return fmt.Sprintf("%s: %q", m.Annotation, m.Value) }

// DoNotDisrupt returns the mark that protects the pod, if there is one. Values are
// interpreted as by the autoscalers that define them: other values have no effect. A pod that
// has ended or is being deleted is not protected.
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

// KeepsNode returns the mark of the pod that prevents autoscalers from removing its node, if
// there is one. safe-to-evict has no effect on static pods and pods of DaemonSets.
func KeepsNode(pod *corev1.Pod, now time.Time) (Mark, bool) {
	mark, marked := DoNotDisrupt(pod, now)
	if mark.Annotation == safeToEvict && BelongsToNode(pod) {
		return Mark{}, false
	}
	return mark, marked
}

// lasts reports whether the value is a duration since the start of the pod that is not over.
// It has not begun if the pod has not started.
func lasts(value string, pod *corev1.Pod, now time.Time) bool {
	duration, err := time.ParseDuration(value)
	if err != nil || duration <= 0 {
		return false
	}
	start := pod.Status.StartTime
	return start == nil || now.Before(start.Add(duration))
}

// NodeDoNotDisrupt returns the mark that protects the node, if there is one: autoscalers do
// not remove such a node.
func NodeDoNotDisrupt(node *corev1.Node) (Mark, bool) {
	for _, annotation := range []string{doNotDisrupt, scaleDownDisabled} {
		if node.Annotations[annotation] == "true" {
			return Mark{annotation, "true"}, true
		}
	}
	return Mark{}, false
}
