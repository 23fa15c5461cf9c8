package target

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// protected says what protects the pod unless it is asked for; nothing asks for this
// program's own.
func (l *look) protected(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	switch {
	case l.picture.IsOwn(pod):
		return whyOwn
	case !l.pods.IncludeSystem && systemNamespaces[pod.Namespace]:
		return whySystem
	case !l.pods.IncludeStatic && static(pod, owner):
		return whyStatic
	case !l.pods.IncludeDaemonSets && owner != nil && owner.Kind == "DaemonSet":
		return whyDaemonSet
	case !l.pods.IncludeBarePods && owner == nil && !static(pod, owner):
		return whyBare
	}
	return l.spared(pod)
}

// The namespaces of Kubernetes itself.
var systemNamespaces = map[string]bool{metav1.NamespaceSystem: true, metav1.NamespacePublic: true, corev1.NamespaceNodeLease: true}

// sourceAnnotation is where the kubelet says what it has a pod from.
const sourceAnnotation = "kubernetes.io/config.source"

// static says whether a node runs the pod by itself.
func static(pod *corev1.Pod, owner *metav1.OwnerReference) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	source, known := pod.Annotations[sourceAnnotation]
	return mirror || known && source != "api" || owner != nil && owner.Kind == "Node"
}
