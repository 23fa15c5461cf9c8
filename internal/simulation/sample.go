package simulation

import (
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

// How the engine takes samples: findNodesThatFitPod and numFeasibleNodesToFind in its
// schedule_one.go.
const (
	// leastSample is the number of nodes up to which it looks at all.
	leastSample = 100
	// leastPercentage is the least share of the nodes that it takes of itself.
	leastPercentage = 5
)

// sampleSize returns how many of the nodes that take a pod the engine scores, when it
// filters so many. A percentage of nil or 0 leaves it to the engine.
func sampleSize(percentage *int32, nodes int) int {
	if nodes < leastSample {
		return nodes
	}
	share := 0
	if percentage != nil {
		share = int(*percentage)
	}
	if share == 0 {
		share = max(leastPercentage, 50-nodes/125)
	}
	return max(leastSample, nodes*share/100)
}

// bestOfRuns returns the names, sorted, of the nodes that have the highest score, alone
// or with others, in any run of so many nodes. The nodes stand in a circle.
func bestOfRuns(scores []fwk.NodePluginScores, size int) []string {
	n := len(scores)
	size = min(size, n)
	var best []string
	// higher holds, of the nodes seen, those with none higher between them and here. Two
	// rounds are walked: the first for what lies before the second.
	left, higher := make([]int, 2*n), []int{}
	for i := range 2 * n {
		for len(higher) > 0 && scores[higher[len(higher)-1]%n].TotalScore <= scores[i%n].TotalScore {
			higher = higher[:len(higher)-1]
		}
		left[i] = -1
		if len(higher) > 0 {
			left[i] = higher[len(higher)-1]
		}
		higher = append(higher, i)
	}
	right := make([]int, 2*n)
	higher = higher[:0]
	for i := 2*n - 1; i >= 0; i-- {
		for len(higher) > 0 && scores[higher[len(higher)-1]%n].TotalScore <= scores[i%n].TotalScore {
			higher = higher[:len(higher)-1]
		}
		right[i] = 2 * n
		if len(higher) > 0 {
			right[i] = higher[len(higher)-1]
		}
		higher = append(higher, i)
	}
	for i := range n {
		// To the right from the first round, to the left from the second: together they
		// reach around the circle once each.
		if run := right[i] - i + (i + n - left[i+n]) - 1; left[i+n] < 0 || right[i] == 2*n || run >= size {
			best = append(best, scores[i].Name)
		}
	}
	slices.Sort(best)
	return best
}
