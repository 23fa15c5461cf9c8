package strategies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// spreadRun is one run of the strategy.
type spreadRun struct {
	*proposer
	selection selection
	book      *spreadBook
	index     *podIndex
	// own are the constraints that pods have themselves.
	own map[*corev1.Pod][]*spreadConstraint
}

// spread moves pods out of the domain with the most pods, until the constraint is satisfied.
// Moving from the largest to the smallest domain needs the fewest moves. It says whether the
// constraint is still violated: moves for other constraints may help.
func (r *spreadRun) spread(ctx context.Context, t *spreadTally) (stuck bool, err error) {
	left := r.movable(t)
	for {
		violation := t.violation(spreadOutside, spreadOutside)
		emptiest, found := t.emptiest()
		fullest := t.fullest(left)
		if violation == 0 || !found || fullest == spreadOutside || t.violation(fullest, emptiest) >= violation {
			return violation > 0, nil
		}
		pod := r.next(t, left[fullest])
		selecting := r.book.selecting(pod)
		proposal := strategy.Proposal{
			Pod: pod,
			Reason: fmt.Sprintf("%s %s has %d pods that match %s, the emptiest domain has %d, and maxSkew is %d",
				t.key, fullest, t.pods[fullest], t.selector, t.pods[emptiest], t.maxSkew),
			Objective: lessSkew{book: r.book, constraint: t.spreadConstraint, others: without(selecting, t.spreadConstraint)},
		}
		v, err := r.propose(ctx, proposal, fullest+" "+t.id)
		if err != nil || r.full {
			return false, err
		}
		if v == moved {
			r.book.move(pod, selecting, r.destination)
		}
	}
}

// podsByNode are pods that can be proposed, by the node's name, in order of eviction.
type podsByNode map[string][]*corev1.Pod

// movable returns the pods that can be proposed, by domain.
func (r *spreadRun) movable(t *spreadTally) map[string]podsByNode {
	movable := map[string]podsByNode{}
	for _, pod := range r.index.matching(t.namespace, t.selector) {
		if r.fixed.Has(pod.UID) || !r.selection.takes(r.book.state, pod) {
			continue
		}
		domain := domainOf(t.spreadConstraint, r.book.state.Node(pod.Spec.NodeName))
		if domain == spreadOutside {
			continue
		}
		if movable[domain] == nil {
			movable[domain] = podsByNode{}
		}
		movable[domain][pod.Spec.NodeName] = append(movable[domain][pod.Spec.NodeName], pod)
	}
	for _, nodes := range movable {
		for _, pods := range nodes {
			slices.SortFunc(pods, func(a, b *corev1.Pod) int {
				return cmp.Or(compareBools(evictable.PrefersNoEviction(a), evictable.PrefersNoEviction(b)), compareBools(!r.has(a, t), !r.has(b, t)), compareForEviction(a, b))
			})
		}
	}
	return movable
}

// has says whether the constraint is the pod's own. The scheduler heeds it only for such
// pods.
func (r *spreadRun) has(pod *corev1.Pod, t *spreadTally) bool {
	return slices.Contains(r.own[pod], t.spreadConstraint)
}

// next removes the next pod to evict from the nodes of a domain. Among equal pods, it is the one
// whose other constraints have the most pods in its domains.
func (r *spreadRun) next(t *spreadTally, nodes podsByNode) *corev1.Pod {
	var best *corev1.Pod
	crowd := 0
	for _, pods := range nodes {
		pod, n := pods[0], r.crowd(t, pods[0])
		if best == nil || cmp.Or(
			compareBools(evictable.PrefersNoEviction(pod), evictable.PrefersNoEviction(best)), compareBools(!r.has(pod, t), !r.has(best, t)), cmp.Compare(crowd, n),
			cmp.Compare(corev1helpers.PodPriority(pod), corev1helpers.PodPriority(best)), compareForEviction(pod, best),
		) < 0 {
			best, crowd = pod, n
		}
	}
	name := best.Spec.NodeName
	if nodes[name] = nodes[name][1:]; len(nodes[name]) == 0 {
		delete(nodes, name)
	}
	return best
}

// crowd returns how many pods the pod's other constraints count where it is.
func (r *spreadRun) crowd(t *spreadTally, pod *corev1.Pod) int {
	crowd := 0
	for _, c := range r.own[pod] {
		if other := r.book.tallies[c]; other != nil && c != t.spreadConstraint {
			crowd += other.pods[domainOf(c, r.book.state.Node(pod.Spec.NodeName))]
		}
	}
	return crowd
}

// without returns the list without one constraint.
func without(constraints []*spreadConstraint, one *spreadConstraint) []*spreadConstraint {
	return slices.DeleteFunc(slices.Clone(constraints), func(c *spreadConstraint) bool { return c == one })
}
