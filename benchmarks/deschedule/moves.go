package deschedule

import (
	"cmp"
	"slices"
)

// placement is a pod of a workload on a node; the node is empty while it has none.
type placement struct{ app, node string }

// move is an eviction and where the pod that came for it landed: nowhere, if to is empty.
type move struct{ app, from, to string }

// pair tells which of the pods that landed came for which that was evicted. Pods of a
// workload are alike, so it is a matter of counting: as many as can be have come back to
// the node that one was evicted from; the others are paired in order.
func pair(evicted, landed []placement) []move {
	byApp := map[string][]string{}
	for _, p := range landed {
		byApp[p.app] = append(byApp[p.app], p.node)
	}
	var moves, rest []move
	for _, p := range sorted(evicted) {
		m := move{app: p.app, from: p.node}
		if i := slices.Index(byApp[p.app], p.node); i >= 0 {
			m.to = p.node
			byApp[p.app] = slices.Delete(byApp[p.app], i, i+1)
			moves = append(moves, m)
		} else {
			rest = append(rest, m)
		}
	}
	for app := range byApp {
		// Those that have landed come first: one that waits has come for one more.
		slices.SortFunc(byApp[app], func(a, b string) int { return cmp.Or(-compareEmpty(a, b), cmp.Compare(a, b)) })
	}
	for _, m := range rest {
		if nodes := byApp[m.app]; len(nodes) > 0 {
			m.to, byApp[m.app] = nodes[0], nodes[1:]
		}
		moves = append(moves, m)
	}
	return moves
}

// compareEmpty puts names that are empty before others.
func compareEmpty(a, b string) int {
	return cmp.Compare(min(len(a), 1), min(len(b), 1))
}

func sorted(placements []placement) []placement {
	return slices.SortedFunc(slices.Values(placements), func(a, b placement) int {
		return cmp.Or(cmp.Compare(a.app, b.app), cmp.Compare(a.node, b.node))
	})
}

// judge counts the moves that were for nothing: those back to the node that the pod was
// evicted from, and all that are no better, these and pods without a node included.
func judge(moves []move, g goal, before, after *picture) (returned, useless int) {
	for _, m := range moves {
		switch {
		case m.to == "":
			useless++
		case m.to == m.from:
			returned++
			useless++
		case before.byName[m.to] == nil || g.useless(before, after, m):
			useless++
		}
	}
	return returned, useless
}
