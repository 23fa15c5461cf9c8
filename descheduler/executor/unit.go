package executor

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// unit is a move, or the moves of a swap, which are in the same wave or not done at all.
type unit []plan.Move

// unitsOf cuts moves into units.
func unitsOf(moves []plan.Move) []unit {
	var units []unit
	groups := map[int]int{}
	for _, m := range moves {
		i, begun := groups[m.Together]
		if begun && m.Together != 0 {
			units[i] = append(units[i], m)
			continue
		}
		groups[m.Together] = len(units)
		units = append(units, unit{m})
	}
	return units
}

// among counts the moves whose pods are in the set.
func (u unit) among(pods map[types.UID]bool) int {
	n := 0
	for i := range u {
		if pods[u[i].Pod.UID] {
			n++
		}
	}
	return n
}

// outdated says how a pod has changed since it was planned. It is empty if none has.
func (u unit) outdated(pods map[types.UID]*corev1.Pod) string {
	for i := range u {
		m := &u[i]
		name := "pod " + m.Pod.Namespace + "/" + m.Pod.Name
		switch pod := pods[m.Pod.UID]; {
		case pod == nil:
			return name + " is gone"
		case cluster.Leaving(pod):
			return name + " is already leaving"
		case pod.Spec.NodeName != m.From:
			return name + " is on node " + pod.Spec.NodeName
		case replaced(m) && !cluster.Holds(pod):
			return name + " has finished"
		}
	}
	return ""
}

// fit returns those of the units whose pods may all be gone at once, in their order. The
// units that the ledger would cut in two wait, until one of them has a wave to itself.
func (r *run) fit(owners *cluster.Owners, units []unit) []unit {
	limits := plan.Limits(r.Limits, r.ledger, owners, slices.Concat(units...))
	var split []unit
	for {
		first := r.firstWave(units, limits)
		var whole, uncut []unit
		before := len(split)
		for _, u := range units {
			n := u.among(first)
			if n > 0 && n < len(u) {
				split = append(split, u)
				continue
			}
			uncut = append(uncut, u)
			if n == len(u) {
				whole = append(whole, u)
			}
		}
		if len(split) == before && len(whole) > 0 {
			return whole
		}
		if len(split) == before {
			break
		}
		units = uncut
	}
	for _, u := range split {
		if u.among(r.firstWave([]unit{u}, limits)) == len(u) {
			return []unit{u}
		}
	}
	return nil
}

// firstWave returns the pods that the ledger would let go first.
func (r *run) firstWave(units []unit, limits disruption.Limits) map[types.UID]bool {
	var pods []*corev1.Pod
	for _, u := range units {
		for i := range u {
			pods = append(pods, u[i].Object)
		}
	}
	first := map[types.UID]bool{}
	if waves := r.ledger.Waves(pods, limits).Waves; len(waves) > 0 {
		for _, pod := range waves[0] {
			first[pod.UID] = true
		}
	}
	return first
}
