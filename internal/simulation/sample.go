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
	forwards := toHigher(n, func(i int) int64 { return scores[i].TotalScore })
	backwards := toHigher(n, func(i int) int64 { return scores[n-1-i].TotalScore })
	var best []string
	for i := range scores {
		// Between the higher ones on either side no run with the node has one.
		if forwards[i]+backwards[n-1-i]-1 >= size {
			best = append(best, scores[i].Name)
		}
	}
	slices.Sort(best)
	return best
}

// toHigher returns how far it is from each of n places in a circle to the next one with a
// higher score: n if there is none.
func toHigher(n int, score func(int) int64) []int {
	far := make([]int, n)
	// ahead holds, nearest last, the places with none higher before them. Two rounds are
	// walked, from the end: the first for what lies beyond the second.
	var ahead []int
	for i := 2*n - 1; i >= 0; i-- {
		for len(ahead) > 0 && score(ahead[len(ahead)-1]%n) <= score(i%n) {
			ahead = ahead[:len(ahead)-1]
		}
		far[i%n] = n
		if len(ahead) > 0 {
			far[i%n] = ahead[len(ahead)-1] - i
		}
		ahead = append(ahead, i)
	}
	return far
}
