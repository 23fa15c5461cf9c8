package evictable

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// sourceAnnotation is where the kubelet says where a pod comes from.
const sourceAnnotation = "kubernetes.io/config.source"

func isMirror(pod *corev1.Pod) string {
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return "it is a mirror pod, which only the kubelet manages"
	}
	return ""
}

func isStatic(pod *corev1.Pod) string {
	if source, known := pod.Annotations[sourceAnnotation]; known && source != "api" {
		return "it is a static pod, which only the kubelet manages"
	}
	return ""
}

func isTerminating(pod *corev1.Pod) string {
	switch {
	case pod.DeletionTimestamp != nil:
		return "it is terminating"
	case cluster.Leaving(pod):
		return "it is already being evicted in the background (annotation " + cluster.EvictionInProgressAnnotation + ")"
	}
	return ""
}

func isAnnotated(pod *corev1.Pod) string {
	switch value, annotated := pod.Annotations[EvictAnnotation]; {
	case !annotated || value == "true":
		return ""
	case value == "false":
		return "its annotation " + EvictAnnotation + ` is "false"`
	default:
		return fmt.Sprintf(`its annotation %s is %.20q, which counts as "false": must be "true" or "false"`, EvictAnnotation, value)
	}
}

// PrefersNoEviction says whether the pod asks for others to be evicted first.
func PrefersNoEviction(pod *corev1.Pod) bool {
	value, annotated := pod.Annotations[NoEvictionAnnotation]
	return annotated && value != "false"
}

func wantsNoEviction(pod *corev1.Pod) string {
	if PrefersNoEviction(pod) {
		return "its annotation " + NoEvictionAnnotation + " protects it, because noEvictionPolicy is Mandatory"
	}
	return ""
}

// newMarkCheck protects pods that are marked as not to be disrupted by any tool.
func newMarkCheck(now time.Time) check {
	return func(pod *corev1.Pod) string {
		if mark, marked := cluster.DoNotDisrupt(pod, now); marked {
			return "it must not be disrupted (annotation " + mark.String() + ")"
		}
		return ""
	}
}

// newGangCheck protects pods of gangs: evicting one stops the others.
func newGangCheck(pods []*corev1.Pod) check {
	gangs := cluster.NewGangs(pods)
	return func(pod *corev1.Pod) string {
		if gang, is := gangs.Of(pod); is {
			return fmt.Sprintf("it is one of %d pods of a gang: %s", gangs[gang], gang)
		}
		return ""
	}
}

func newBareCheck(protectFailed bool) check {
	return func(pod *corev1.Pod) string {
		switch {
		case metav1.GetControllerOfNoCopy(pod) != nil:
			return ""
		case protectFailed:
			return "it has no controller that would replace it"
		case pod.Status.Phase != corev1.PodFailed:
			return "it has no controller that would replace it, and has not failed"
		}
		return ""
	}
}

func isDaemons(pod *corev1.Pod) string {
	if slices.ContainsFunc(pod.OwnerReferences, func(owner metav1.OwnerReference) bool { return cluster.OwnerKind(&owner) == cluster.DaemonSetKind }) {
		return "it belongs to a DaemonSet"
	}
	return ""
}

func hasLocalStorage(pod *corev1.Pod) string {
	for i := range pod.Spec.Volumes {
		if volume := &pod.Spec.Volumes[i]; volume.HostPath != nil || volume.EmptyDir != nil {
			return "it has local storage (volume " + volume.Name + ")"
		}
	}
	return ""
}

func newAgeCheck(least time.Duration, now time.Time) check {
	young := fmt.Sprintf("it started less than %s ago (minPodAge)", least)
	return func(pod *corev1.Pod) string {
		switch start := pod.Status.StartTime; {
		case start == nil:
			return "it has not started, so it is younger than minPodAge"
		case now.Sub(start.Time) < least:
			return young
		}
		return ""
	}
}
