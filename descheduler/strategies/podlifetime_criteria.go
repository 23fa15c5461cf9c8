package strategies

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// podLifeTimeCriteria returns the criteria that the arguments set.
func podLifeTimeCriteria(a *policy.PodLifeTimeArgs, now time.Time) []leavingCriterion {
	var criteria []leavingCriterion
	if a.MaxPodLifeTimeSeconds != nil {
		criteria = append(criteria, leavingOlderThan(now, *a.MaxPodLifeTimeSeconds))
	}
	if len(a.States) > 0 {
		criteria = append(criteria, leavingInState(a.States, a.IncludingInitContainers, a.IncludingEphemeralContainers))
	}
	if a.OwnerKinds != nil {
		criteria = append(criteria, leavingOwnedBy(a.OwnerKinds))
	}
	if len(a.Conditions) > 0 {
		criteria = append(criteria, leavingInCondition(now, a.Conditions))
	}
	if len(a.ExitCodes) > 0 {
		criteria = append(criteria, leavingExitedWith(a.ExitCodes, a.IncludingInitContainers))
	}
	return criteria
}

// leavingOlderThan counts whole seconds, as the upstream descheduler does.
func leavingOlderThan(now time.Time, limit uint) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		age := leavingSeconds(now, pod.CreationTimestamp.Time)
		if age < 0 || uint64(age) <= uint64(limit) {
			return "", false
		}
		return fmt.Sprintf("the pod is %s old, more than %s", leavingDuration(age), time.Duration(limit)*time.Second), true
	}
}

// leavingInState compares the states with the pod's phase and reason, and with the reasons of its
// containers.
func leavingInState(states []string, init, ephemeral bool) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		if slices.Contains(states, string(pod.Status.Phase)) {
			return fmt.Sprintf("the pod is %s", pod.Status.Phase), true
		}
		if slices.Contains(states, pod.Status.Reason) {
			return fmt.Sprintf("the pod is %s: %s", pod.Status.Phase, pod.Status.Reason), true
		}
		for _, container := range leavingContainers(pod, init, ephemeral) {
			for _, reason := range leavingReasons(container) {
				if slices.Contains(states, reason) {
					return fmt.Sprintf("container %s is in %s", container.Name, reason), true
				}
			}
		}
		return "", false
	}
}

// leavingOwnedBy considers all owners.
func leavingOwnedBy(kinds *policy.OwnerKinds) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		ownedByOneOf := func(kinds []string) bool {
			return slices.ContainsFunc(pod.OwnerReferences, func(owner metav1.OwnerReference) bool {
				return slices.Contains(kinds, owner.Kind)
			})
		}
		return "", (len(kinds.Include) == 0 || ownedByOneOf(kinds.Include)) && !ownedByOneOf(kinds.Exclude)
	}
}

// leavingInCondition looks for a condition that matches one of those wanted in all its fields.
func leavingInCondition(now time.Time, wanted []policy.PodCondition) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		for _, w := range wanted {
			for _, condition := range pod.Status.Conditions {
				if leavingConditionFits(now, w, condition) {
					return leavingConditionText(now, condition), true
				}
			}
		}
		return "", false
	}
}

func leavingConditionFits(now time.Time, wanted policy.PodCondition, is corev1.PodCondition) bool {
	if wanted.Type != "" && wanted.Type != string(is.Type) ||
		wanted.Status != "" && wanted.Status != is.Status ||
		wanted.Reason != "" && wanted.Reason != is.Reason {
		return false
	}
	if wanted.MinTimeSinceLastTransitionSeconds == nil {
		return true
	}
	since := leavingSeconds(now, is.LastTransitionTime.Time)
	return since >= 0 && uint64(since) >= uint64(*wanted.MinTimeSinceLastTransitionSeconds)
}

func leavingConditionText(now time.Time, is corev1.PodCondition) string {
	text := fmt.Sprintf("condition %s is %s", is.Type, is.Status)
	if is.Reason != "" {
		text += " (" + is.Reason + ")"
	}
	if since := leavingSeconds(now, is.LastTransitionTime.Time); since >= 0 {
		text += " for " + leavingDuration(since)
	}
	return text
}

// leavingExitedWith compares the exit codes of terminated containers that have not restarted.
func leavingExitedWith(codes []int32, init bool) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		for _, container := range leavingContainers(pod, init, false) {
			if ended := container.State.Terminated; ended != nil && slices.Contains(codes, ended.ExitCode) {
				return fmt.Sprintf("container %s exited with code %d", container.Name, ended.ExitCode), true
			}
		}
		return "", false
	}
}

// leavingContainers returns the states of the pod's containers.
func leavingContainers(pod *corev1.Pod, init, ephemeral bool) []corev1.ContainerStatus {
	all := pod.Status.ContainerStatuses
	if init {
		all = slices.Concat(all, pod.Status.InitContainerStatuses)
	}
	if ephemeral {
		all = slices.Concat(all, pod.Status.EphemeralContainerStatuses)
	}
	return all
}

// leavingReasons returns the reasons of a waiting or terminated container.
func leavingReasons(container corev1.ContainerStatus) []string {
	var reasons []string
	if waiting := container.State.Waiting; waiting != nil && waiting.Reason != "" {
		reasons = append(reasons, waiting.Reason)
	}
	if ended := container.State.Terminated; ended != nil && ended.Reason != "" {
		reasons = append(reasons, ended.Reason)
	}
	return reasons
}
