package cluster

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sourceAnnotation is where the kubelet says what it has a pod from.
const sourceAnnotation = "kubernetes.io/config.source"

// Static reports whether a node runs the pod by itself: what the API server has is a mirror.
func Static(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	source, known := pod.Annotations[sourceAnnotation]
	return mirror || known && source != "api" ||
		slices.ContainsFunc(pod.OwnerReferences, func(owner metav1.OwnerReference) bool { return OwnerKind(&owner) == NodeKind })
}

// OfDaemonSet reports whether the pod belongs to a DaemonSet.
func OfDaemonSet(pod *corev1.Pod) bool { return ControlledBy(pod, DaemonSetKind) }

// BelongsToNode reports whether the pod is part of its node: it goes nowhere else.
func BelongsToNode(pod *corev1.Pod) bool { return Static(pod) || OfDaemonSet(pod) }

// EvictionInProgressAnnotation is how operators say that the eviction of a pod, which an
// admission webhook of theirs has denied, goes on in the background, whatever its value.
const EvictionInProgressAnnotation = "descheduler.alpha.kubernetes.io/eviction-in-progress"

// requestEvictionAnnotation is how operators mark pods whose eviction is no more than a request
// to them, whatever its value: their webhook denies it and they move the pod.
const requestEvictionAnnotation = "descheduler.alpha.kubernetes.io/request-evict-only"

// MovedOnRequest reports whether an operator moves the pod itself when its eviction is asked for.
func MovedOnRequest(pod *corev1.Pod) bool {
	_, marked := pod.Annotations[requestEvictionAnnotation]
	return marked
}

// Leaving reports whether the pod is on its way out: it is being deleted, or its eviction goes on
// in the background.
func Leaving(pod *corev1.Pod) bool {
	_, evicting := pod.Annotations[EvictionInProgressAnnotation]
	return pod.DeletionTimestamp != nil || evicting && Holds(pod)
}
