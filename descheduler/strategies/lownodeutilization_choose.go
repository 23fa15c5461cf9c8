package strategies

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
)

// lowCandidate is a pod of an overutilized node that could go.
type lowCandidate struct {
	pod  *corev1.Pod
	kind utilizationKind
	// share is its share of the node.
	share     points
	reluctant bool
}

// takes returns how many percentage points of the excess the pod removes.
func (c lowCandidate) takes(excess points) float64 {
	taken := 0.0
	for i, figure := range c.share {
		taken += min(figure, excess[i])
	}
	return taken
}

// left returns the excess that is left without the pod.
func (c lowCandidate) left(excess points) points { return excess.over(c.share) }

// lowNext returns the candidate to try first, or false if none reduces the excess. It is one of
// the smallest set that removes all of it: if one pod is enough, the smallest such pod, otherwise
// the largest pod. If several need no more moves, it is one of lower priority. Reluctant pods are
// only used if there are no others.
func lowNext(excess points, candidates []lowCandidate) (lowCandidate, bool) {
	var willing, reluctant []lowCandidate
	for _, c := range candidates {
		switch {
		case c.takes(excess) <= utilizationSlack:
		case c.reluctant:
			reluctant = append(reluctant, c)
		default:
			willing = append(willing, c)
		}
	}
	if len(willing) == 0 {
		willing = reluctant
	}
	if len(willing) == 0 {
		return lowCandidate{}, false
	}
	slices.SortFunc(willing, byTaken(excess))
	moves, all := lowFewest(excess, willing, -1)
	if !all {
		return willing[0], true // all that are of use are needed
	}
	return lowCheapest(excess, willing, moves), true
}

// byTaken orders candidates by what they remove, largest first.
func byTaken(excess points) func(a, b lowCandidate) int {
	return func(a, b lowCandidate) int {
		return cmp.Or(
			cmp.Compare(b.takes(excess), a.takes(excess)),
			cmp.Compare(corev1helpers.PodPriority(a.pod), corev1helpers.PodPriority(b.pod)),
			cmp.Compare(a.pod.Namespace, b.pod.Namespace), cmp.Compare(a.pod.Name, b.pod.Name),
		)
	}
}

// lowFewest returns how many candidates, except one, remove all of the excess if the one that
// removes most is always next. This is the minimum if only one resource is in excess. It returns
// false if all candidates together do not remove it.
func lowFewest(excess points, candidates []lowCandidate, but int) (moves int, all bool) {
	gone := make([]bool, len(candidates))
	if but >= 0 {
		gone[but] = true
	}
	for excess.total() > 0 {
		best, most := -1, utilizationSlack
		for i, c := range candidates {
			if gone[i] {
				continue
			}
			if taken := c.takes(excess); taken > most {
				best, most = i, taken
			}
		}
		if best < 0 {
			return moves, false
		}
		gone[best] = true
		excess = candidates[best].left(excess)
		moves++
	}
	return moves, true
}

// lowCheapest returns the first candidate, lower priorities first, that reduces the number of
// remaining moves by one. Candidates are ordered by what they remove.
func lowCheapest(excess points, candidates []lowCandidate, moves int) lowCandidate {
	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		bySize := 0
		if moves == 1 {
			bySize = cmp.Compare(candidates[a].share.total(), candidates[b].share.total())
		}
		return cmp.Or(cmp.Compare(corev1helpers.PodPriority(candidates[a].pod), corev1helpers.PodPriority(candidates[b].pod)), bySize)
	})
	for n, i := range order {
		c := candidates[i]
		if n > 0 {
			if last := candidates[order[n-1]]; corev1helpers.PodPriority(last.pod) == corev1helpers.PodPriority(c.pod) && slices.Equal(last.share, c.share) {
				continue // an equal one was not enough
			}
		}
		if rest, all := lowFewest(c.left(excess), candidates, i); all && rest < moves {
			return c
		}
	}
	return candidates[0]
}
