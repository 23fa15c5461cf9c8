package strategies

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// podLifeTime removes pods that are too old, or are in a given state, or both.
type podLifeTime struct {
	pods     selection
	criteria []leavingCriterion
}

// NewPodLifeTime returns the strategy PodLifeTime. It evicts pods that match all arguments, the
// oldest first. A running pod is recreated, on the same node if the scheduler prefers it. A
// finished pod is removed. A pod that waits for a node is skipped: its replacement would wait,
// too, at the end of the queue.
func NewPodLifeTime(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a := args.(*policy.PodLifeTimeArgs)
	pods, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, err
	}
	return &podLifeTime{pods: pods, criteria: podLifeTimeCriteria(a, env.Now)}, nil
}

// Deschedule implements strategy.Strategy.
func (s *podLifeTime) Deschedule(ctx context.Context, session strategy.Session) error {
	leaving := leavingPods(session.State(), s.pods, s.criteria)
	slices.SortStableFunc(leaving, func(a, b leavingPod) int { return leavingOlder(a.pod, b.pod) })
	return proposeLeaving(ctx, session, leaving)
}

// leavingPod is a pod that should be evicted, with the reason.
type leavingPod struct {
	pod    *corev1.Pod
	reason string
}

// leavingCriterion says whether a pod meets it, and why, if that is worth reporting.
type leavingCriterion func(pod *corev1.Pod) (fact string, meets bool)

// leavingPods returns the selected pods that meet all criteria, including finished pods with or
// without a node.
func leavingPods(state *strategy.State, pods selection, criteria []leavingCriterion) []leavingPod {
	var leaving []leavingPod
	for _, pod := range state.Picture().Pods {
		if !leavingCandidate(state, pod) || !pods.matches(pod) {
			continue
		}
		if reason, meets := leavingReason(pod, criteria); meets {
			leaving = append(leaving, leavingPod{pod, reason})
		}
	}
	return leaving
}

// leavingCandidate says whether the policy selects the pod's node. Pods without a node that have
// not finished wait for the scheduler, and a replacement would wait, too.
func leavingCandidate(state *strategy.State, pod *corev1.Pod) bool {
	if cluster.Leaving(pod) {
		return false
	}
	if pod.Spec.NodeName == "" {
		return !cluster.Holds(pod)
	}
	node := state.Node(pod.Spec.NodeName)
	return node != nil && node.Selected
}

// leavingReason says why the pod meets the criteria, if it meets all.
func leavingReason(pod *corev1.Pod, criteria []leavingCriterion) (string, bool) {
	var facts []string
	for _, criterion := range criteria {
		fact, meets := criterion(pod)
		if !meets {
			return "", false
		}
		if fact != "" {
			facts = append(facts, fact)
		}
	}
	return strings.Join(facts, "; "), true
}

// proposeLeaving proposes the pods in this order, one by one, until the run is full.
func proposeLeaving(ctx context.Context, session strategy.Session, leaving []leavingPod) error {
	for _, l := range leaving {
		if !session.Evictable(l.pod) {
			continue
		}
		objective := strategy.Anywhere
		if !cluster.Holds(l.pod) {
			objective = strategy.Gone
		}
		outcome, err := session.Propose(ctx, strategy.Proposal{Pod: l.pod, Reason: l.reason, Objective: objective})
		if err != nil || outcome.Full {
			return err
		}
	}
	return nil
}

// leavingOlder compares pods by age, then by name.
func leavingOlder(a, b *corev1.Pod) int {
	return cmp.Or(
		a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
		cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name),
	)
}

// leavingSeconds returns the whole seconds from a time to now. It is negative if clocks differ or
// the time is unknown.
func leavingSeconds(now, moment time.Time) int64 {
	if moment.IsZero() || moment.After(now) {
		return -1
	}
	return int64(now.Sub(moment) / time.Second)
}

// leavingDuration returns seconds for people: 1h30m0s.
func leavingDuration(seconds int64) string {
	return (time.Duration(seconds) * time.Second).String()
}
