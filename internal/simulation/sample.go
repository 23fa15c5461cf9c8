package simulation

// How the engine samples nodes: findNodesThatFitPod and numFeasibleNodesToFind in its
// schedule_one.go.
const (
	// LeastSample is the number of nodes up to which it considers all.
	LeastSample = 100
	// leastPercentage is the minimum percentage of nodes by default.
	leastPercentage = 5
)

// SampleSize returns how many of the nodes that fit a pod the engine scores, given the number
// of nodes that it filters. A percentage of nil or 0 means the engine's default.
func SampleSize(percentage *int32, nodes int) int {
	if nodes < LeastSample {
		return nodes
	}
	share := 0
	if percentage != nil {
		share = int(*percentage)
	}
	if share == 0 {
		share = max(leastPercentage, 50-nodes/125)
	}
	return max(LeastSample, nodes*share/100)
}

// bestOfRuns returns the places of the scores that are the highest, or share it, in any run of
// that length. The scores are arranged in a circle.
func bestOfRuns(scores []int64, size int) []int {
	n := len(scores)
	size = min(size, n)
	forwards := toHigher(n, func(i int) int64 { return scores[i] })
	backwards := toHigher(n, func(i int) int64 { return scores[n-1-i] })
	var best []int
	for i := range scores {
		// A run with the node must not contain the next higher ones on either side.
		if forwards[i]+backwards[n-1-i]-1 >= size {
			best = append(best, i)
		}
	}
	return best
}

// toHigher returns the distance from each of n places in a circle to the next one with a
// higher score: n if there is none.
func toHigher(n int, score func(int) int64) []int {
	far := make([]int, n)
	// ahead holds the places without a higher one before them, nearest last. There are two
	// rounds from the end: the first one finds those beyond the second one.
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
