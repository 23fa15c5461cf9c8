package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// tooManyRestarts removes pods whose containers keep restarting.
type tooManyRestarts struct {
	pods     selection
	criteria []leavingCriterion
	init     bool
}

// NewRemovePodsHavingTooManyRestarts returns the strategy of that name. It recreates pods whose
// containers have restarted too often, on any node, those with the most restarts first. Finished
// pods are removed.
func NewRemovePodsHavingTooManyRestarts(args policy.Args, _ strategy.Env) (strategy.Strategy, error) {
	a := args.(*policy.RemovePodsHavingTooManyRestartsArgs)
	pods, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, err
	}
	s := &tooManyRestarts{pods: pods, init: a.IncludingInitContainers}
	s.criteria = append(s.criteria, restartedAtLeast(int64(a.PodRestartThreshold), s.init))
	if len(a.States) > 0 {
		s.criteria = append(s.criteria, restartsState(a.States, s.init))
	}
	return s, nil
}

// Deschedule implements strategy.Strategy.
func (s *tooManyRestarts) Deschedule(ctx context.Context, session strategy.Session) error {
	leaving := leavingPods(session.State(), s.pods, s.criteria)
	slices.SortStableFunc(leaving, func(a, b leavingPod) int {
		return cmp.Or(cmp.Compare(restartsOf(b.pod, s.init), restartsOf(a.pod, s.init)), leavingOlder(a.pod, b.pod))
	})
	return proposeLeaving(ctx, session, leaving)
}

func restartedAtLeast(threshold int64, init bool) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		restarts := restartsOf(pod, init)
		return fmt.Sprintf("its restart count is %d, and podRestartThreshold is %d", restarts, threshold), restarts >= threshold
	}
}

// restartsState compares the states with the pod's phase and the reasons of waiting containers.
func restartsState(states []string, init bool) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		if slices.Contains(states, string(pod.Status.Phase)) {
			return fmt.Sprintf("the pod is %s", pod.Status.Phase), true
		}
		for _, container := range leavingContainers(pod, init, false) {
			if waiting := container.State.Waiting; waiting != nil && slices.Contains(states, waiting.Reason) {
				return fmt.Sprintf("container %s is in %s", container.Name, waiting.Reason), true
			}
		}
		return "", false
	}
}

// restartsOf returns how often the pod's containers have been restarted.
func restartsOf(pod *corev1.Pod, init bool) int64 {
	var restarts int64
	for _, container := range leavingContainers(pod, init, false) {
		restarts += int64(container.RestartCount)
	}
	return restarts
}
