package deschedule

import (
	"maps"
	"slices"
)

// goal is what a case's policy is for.
type goal interface {
	// bound returns a number of evictions that reaching it takes at least; see the
	// implementations for how it is found.
	bound(before *picture) int
	// useless says that a pod of a workload is no better on the node that it landed on
	// than it was where it was evicted.
	useless(before, after *picture, m move) bool
}

// leveled is the goal of LowNodeUtilization: no node above the target.
type leveled struct {
	// pointless says that the scheduler would put no pod on a node that is not hot.
	pointless bool
}

// bound adds up, over the nodes above the target, the fewest pods whose going brings the
// node to it: its largest ones. Where no eviction is of any use, it is 0.
func (g leveled) bound(before *picture) int {
	total := 0
	for _, n := range before.nodes {
		if g.pointless {
			break
		}
		over := float64(n.requestedCPU) - target/100*float64(n.milliCPU)
		sizes := slices.Sorted(slices.Values(n.pods))
		for _, size := range slices.Backward(sizes) {
			if over <= 0 {
				break
			}
			over -= float64(size)
			total++
		}
	}
	return total
}

// useless is landing on a node that is above the target in the end.
func (leveled) useless(_, after *picture, m move) bool {
	return after.byName[m.to].utilization() > target
}

// apart is the goal of RemoveDuplicates: no more replicas of a workload on a node than
// an even spread over the nodes takes.
type apart struct{}

func (apart) most(p *picture, app string) int {
	return (p.replicas[app] + len(p.nodes) - 1) / len(p.nodes)
}

// bound adds up what is on each node beyond the most that is even.
func (g apart) bound(before *picture) int {
	total := 0
	for _, n := range before.nodes {
		for app, count := range n.of {
			total += max(0, count-g.most(before, app))
		}
	}
	return total
}

// useless is landing on a node that has more than is even.
func (g apart) useless(_, after *picture, m move) bool {
	return after.byName[m.to].of[m.app] > g.most(after, m.app)
}

// overZones is the goal of RemovePodsViolatingTopologySpreadConstraint: zones differ by
// one replica of a workload at most.
type overZones struct{}

// bound moves replicas one by one from the zone that has the most to that which has the
// fewest until they differ by one: each move can do no more.
func (overZones) bound(before *picture) int {
	total := 0
	for app := range before.replicas {
		counts := slices.Collect(maps.Values(before.inZones(app)))
		for slices.Sort(counts); counts[len(counts)-1]-counts[0] > 1; slices.Sort(counts) {
			counts[len(counts)-1]--
			counts[0]++
			total++
		}
	}
	return total
}

// useless is landing in a zone that had its share already.
func (overZones) useless(before, _ *picture, m move) bool {
	counts := before.inZones(m.app)
	return counts[before.byName[m.to].zone]*len(counts) >= before.replicas[m.app]
}

// emptied is the goal of HighNodeUtilization and Consolidate: no pods on nodes that have
// few.
type emptied struct{}

// bound is how many pods there are on the nodes that can be emptied, those with the
// fewest first: of the nodes below the threshold, as many as are in use beyond what the
// pods need at least.
func (emptied) bound(before *picture) int {
	var counts []int
	for _, n := range before.nodes {
		if len(n.pods) > 0 && n.utilization() < sparse {
			counts = append(counts, len(n.pods))
		}
	}
	slices.Sort(counts)
	spare := max(0, before.used()-before.snapshot.LowerBound(before.snapshot.Pods))
	total := 0
	for _, count := range counts[:min(len(counts), spare)] {
		total += count
	}
	return total
}

// useless is leaving a node that stays in use, or landing on one that was empty.
func (emptied) useless(before, after *picture, m move) bool {
	return len(after.byName[m.from].pods) > 0 || len(before.byName[m.to].pods) == 0
}
