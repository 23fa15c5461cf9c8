package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sourceAnnotation contains where the kubelet got a pod from.
const sourceAnnotation = "kubernetes.io/config.source"

// Static reports whether the pod is a static pod of a node, of which the API server has a
// mirror.
func Static(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	source, known := pod.Annotations[sourceAnnotation]
	return mirror || known && source != "api" ||
		slices.ContainsFunc(pod.OwnerReferences, func(owner metav1.OwnerReference) bool { return OwnerKind(&owner) == NodeKind })
}

// OfDaemonSet reports whether the pod belongs to a DaemonSet.
func OfDaemonSet(pod *corev1.Pod) bool { return ControlledBy(pod, DaemonSetKind) }

// BelongsToNode reports whether the pod is bound to its node and cannot move.
func BelongsToNode(pod *corev1.Pod) bool { return Static(pod) || OfDaemonSet(pod) }

// EvictionInProgressAnnotation is set by operators, with any value, when their admission
// webhook has denied an eviction but they move the pod in the background.
const EvictionInProgressAnnotation = "descheduler.alpha.kubernetes.io/eviction-in-progress"

// requestEvictionAnnotation is set by operators, with any value, on pods whose eviction is
// only a request to them: their webhook denies it and they move the pod.
const requestEvictionAnnotation = "descheduler.alpha.kubernetes.io/request-evict-only"

// MovedOnRequest reports whether an operator moves the pod itself when its eviction is
// requested.
func MovedOnRequest(pod *corev1.Pod) bool {
	_, marked := pod.Annotations[requestEvictionAnnotation]
	return marked
}

// Leaving reports whether the pod is being deleted, or its eviction is in progress in the
// background.
func Leaving(pod *corev1.Pod) bool {
	_, evicting := pod.Annotations[EvictionInProgressAnnotation]
	return pod.DeletionTimestamp != nil || evicting && Holds(pod)
}
