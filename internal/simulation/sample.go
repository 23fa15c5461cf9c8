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
func bestOfRuns(scores []int64, size int) []int32 {
	n := len(scores)
	first := 0 // of the highest
	for i, score := range scores {
		if score > scores[first] {
			first = i
		}
	}
	size = min(size, n)
	var best []int32
	if size == n {
		for i, score := range scores {
			if score == scores[first] {
				best = append(best, int32(i))
			}
		}
		return best
	}
	// From the highest on, once around: open are the places of which the next higher one is to come,
	// with the distance to the one before. No run between the two contains a higher one.
	type place struct{ at, far int32 }
	open := []place{{0, int32(n)}}
	good := make([]bool, n)
	at := func(i int32) int { return (first + int(i)) % n }
	closed := func(p place, next int32) {
		good[at(p.at)] = p.far+(next-p.at)-1 >= int32(size)
	}
	for i := int32(1); i < int32(n); i++ {
		score := scores[at(i)]
		for scores[at(open[len(open)-1].at)] < score {
			closed(open[len(open)-1], i)
			open = open[:len(open)-1]
		}
		top := open[len(open)-1]
		far := i - top.at
		if scores[at(top.at)] == score {
			far += top.far // the one before that is higher than both
		}
		open = append(open, place{i, far})
	}
	for _, p := range open {
		// The next higher one is the first; there is none for those as high as that.
		next := int32(n)
		if scores[at(p.at)] == scores[first] {
			next += int32(n)
		}
		closed(p, next)
	}
	for i, is := range good {
		if is {
			best = append(best, int32(i))
		}
	}
	return best
}
