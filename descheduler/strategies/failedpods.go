package strategies

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// removeFailedPods removes pods that have failed.
type removeFailedPods struct {
	pods     selection
	criteria []leavingCriterion
}

// NewRemoveFailedPods returns the strategy RemoveFailedPods. It removes failed pods that match
// all arguments, the oldest first. They occupy no room.
func NewRemoveFailedPods(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a := args.(*policy.RemoveFailedPodsArgs)
	pods, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, err
	}
	return &removeFailedPods{pods: pods, criteria: failedCriteria(a, env.Now)}, nil
}

// Deschedule implements strategy.Strategy.
func (s *removeFailedPods) Deschedule(ctx context.Context, session strategy.Session) error {
	leaving := leavingPods(session.State(), s.pods, s.criteria)
	slices.SortStableFunc(leaving, func(a, b leavingPod) int { return leavingOlder(a.pod, b.pod) })
	return proposeLeaving(ctx, session, leaving)
}

func failedCriteria(a *policy.RemoveFailedPodsArgs, now time.Time) []leavingCriterion {
	criteria := []leavingCriterion{failedFor(now, a.MinPodLifetimeSeconds)}
	if len(a.ExcludeOwnerKinds) > 0 {
		criteria = append(criteria, leavingOwnedBy(&policy.OwnerKinds{Exclude: a.ExcludeOwnerKinds}))
	}
	if len(a.Reasons) > 0 {
		criteria = append(criteria, failedBecause(a.Reasons, a.IncludingInitContainers))
	}
	if len(a.ExitCodes) > 0 {
		criteria = append(criteria, leavingExitedWith(a.ExitCodes, a.IncludingInitContainers))
	}
	return criteria
}

// failedFor matches failed pods of this age: the age of the pod, not of its failure.
func failedFor(now time.Time, least uint) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		age := leavingSeconds(now, pod.CreationTimestamp.Time)
		if pod.Status.Phase != corev1.PodFailed || age < 0 || uint64(age) < uint64(least) {
			return "", false
		}
		return fmt.Sprintf("the pod has failed and is %s old", leavingDuration(age)), true
	}
}

// failedBecause compares the reasons with those of the pod and of its containers, waiting or
// terminated.
func failedBecause(reasons []string, init bool) leavingCriterion {
	return func(pod *corev1.Pod) (string, bool) {
		if slices.Contains(reasons, pod.Status.Reason) {
			return "the pod has the reason " + pod.Status.Reason, true
		}
		for _, container := range leavingContainers(pod, init, false) {
			for _, reason := range leavingReasons(container) {
				if slices.Contains(reasons, reason) {
					return fmt.Sprintf("container %s is in %s", container.Name, reason), true
				}
			}
		}
		return "", false
	}
}
