package cluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// CannotStart says why a pending pod does not come up where it is; nothing for one that is on
// its way to run, and for those that are not pending. The node is the pod's, nil where it is
// gone. A container that waits for a volume or a network forever looks like one that is
// starting, and counts as such.
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

// unschedulable says that the scheduler has found no node for the pod, nor makes room for it.
func unschedulable(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable && pod.Status.NominatedNodeName == "" {
			return "no node takes it"
		}
	}
	return ""
}

// brokenDown says why a container of the pending pod does not get on. A kubelet gives those that
// do one of two reasons. One that runs again after it has failed is taken to be between two
// failures.
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
		return fmt.Sprintf("its container %s fails again and again: %d restarts", status.Name, status.RestartCount)
	}
	return ""
}

// failed reports whether the container has ended badly. That of one that was lost with its node, which
// has started anew, nobody has seen: kubelet and container runtime make up an exit code.
func failed(ended *corev1.ContainerStateTerminated) bool {
	return ended.ExitCode != 0 && ended.Reason != "Unknown" && ended.Reason != "ContainerStatusUnknown"
}

// stuck reports whether the container waits for something else than its turn to start: its image or
// its configuration is missing, or its kubelet backs off from it.
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

// cameUp reports whether it is a restartable init container, which goes on beside the others, and
// has started.
func cameUp(pod *corev1.Pod, status *corev1.ContainerStatus) bool {
	return status.Started != nil && *status.Started && slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == status.Name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}
