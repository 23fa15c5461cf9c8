package cluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// CannotStart returns why a pending pod does not start, or "" if it is starting or not
// pending. The node is the pod's, or nil if it was deleted. A container that waits for a
// volume or a network forever cannot be distinguished from one that is starting.
func CannotStart(pod *corev1.Pod, node *corev1.Node) string {
	switch {
	case pod.Status.Phase != corev1.PodPending:
		return ""
	case pod.Spec.NodeName == "":
		return unschedulable(pod)
	case node == nil:
		return fmt.Sprintf("its node %s is gone", pod.Spec.NodeName)
	case !NodeReady(node):
		return fmt.Sprintf("its node %s is not Ready", node.Name)
	}
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if why := brokenDown(pod, &statuses[i]); why != "" {
				return why
			}
		}
	}
	return ""
}

// unschedulable reports that the scheduler has found no node for the pod, and does not make
// room for it.
func unschedulable(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable && pod.Status.NominatedNodeName == "" {
			return "no node takes it"
		}
	}
	return ""
}

// brokenDown returns why a container of the pending pod makes no progress. A kubelet gives
// containers that do one of two reasons. A container that runs again after a failure is
// assumed to fail again.
func brokenDown(pod *corev1.Pod, status *corev1.ContainerStatus) string {
	if status.State.Waiting != nil {
		if !stuck(status) {
			return ""
		}
		return fmt.Sprintf("its container %s waits: %s", status.Name, status.State.Waiting.Reason)
	}
	if ended := status.State.Terminated; ended != nil && failed(ended) {
		return fmt.Sprintf("its container %s ended with exit code %d", status.Name, ended.ExitCode)
	}
	if last := status.LastTerminationState.Terminated; status.State.Running != nil && status.RestartCount > 0 && (last == nil || failed(last)) && !cameUp(pod, status) {
		return fmt.Sprintf("its container %s fails repeatedly (restarts: %d)", status.Name, status.RestartCount)
	}
	return ""
}

// failed reports whether the container has failed. If it was lost with its node and has
// restarted, its exit code is invented by the kubelet and the container runtime.
func failed(ended *corev1.ContainerStateTerminated) bool {
	return ended.ExitCode != 0 && ended.Reason != "Unknown" && ended.Reason != "ContainerStatusUnknown"
}

// stuck reports whether the container waits for something other than its turn to start: its
// image or its configuration is missing, or its kubelet backs off.
func stuck(status *corev1.ContainerStatus) bool {
	if status.State.Waiting == nil {
		return false
	}
	switch status.State.Waiting.Reason {
	case "", "ContainerCreating", "PodInitializing":
		return false
	}
	return true
}

// fails reports whether a container of the pod is stuck. Such a pod is not ready.
func fails(pod *corev1.Pod) bool {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if stuck(&statuses[i]) {
				return true
			}
		}
	}
	return false
}

// cameUp reports whether it is a restartable init container, which continues in parallel with
// the others, and has started.
func cameUp(pod *corev1.Pod, status *corev1.ContainerStatus) bool {
	return status.Started != nil && *status.Started && slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == status.Name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}
