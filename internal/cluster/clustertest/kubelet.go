package clustertest

import (
	"crypto/sha256"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Run sets the status that a kubelet writes when all containers of a pod run and are ready,
// most of which is missing on fake nodes.
func Run(pod *corev1.Pod, at time.Time) {
	since := metav1.NewTime(at)
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &since, QOSClass: pod.Status.QOSClass, // set by the API server
		HostIP: "10.0.0.1", HostIPs: []corev1.HostIP{{IP: "10.0.0.1"}}, PodIP: "10.1.0.1", PodIPs: []corev1.PodIP{{IP: "10.1.0.1"}},
	}
	// In an arbitrary order, as written by a kubelet.
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: since})
	}
	for _, container := range pod.Spec.Containers {
		id := sha256.Sum256([]byte(string(pod.UID) + container.Name))
		yes := true
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: container.Image + "@sha256:" + fmt.Sprintf("%x", sha256.Sum256([]byte(container.Image))),
			ContainerID: fmt.Sprintf("containerd://%x", id), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}},
			Ready: true, Started: &yes,
		})
	}
}

// End sets the status of a pod whose containers have ended.
func End(pod *corev1.Pod, at time.Time, code int32) {
	pod.Status.Phase = corev1.PodSucceeded
	reason := "Completed"
	if code != 0 {
		pod.Status.Phase, reason = corev1.PodFailed, "Error"
	}
	for i := range pod.Status.Conditions {
		if c := &pod.Status.Conditions[i]; c.Type == corev1.PodReady || c.Type == corev1.ContainersReady {
			c.Status, c.LastTransitionTime = corev1.ConditionFalse, metav1.NewTime(at)
		}
	}
	for i := range pod.Status.ContainerStatuses {
		status := &pod.Status.ContainerStatuses[i]
		status.Ready, status.State = false, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, StartedAt: status.State.Running.StartedAt, FinishedAt: metav1.NewTime(at), ContainerID: status.ContainerID,
		}}
	}
}
