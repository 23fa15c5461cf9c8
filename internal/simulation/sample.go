package simulation

import "slices"

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

// runs is what bestOfRuns needs, and can use again.
type runs struct {
	open []openPlace
	good []bool
	best []int32
}

// openPlace is a place of which the next higher one is to come, with the distance to the one before.
type openPlace struct{ at, far int32 }

// bestOfRuns returns the places of the scores that are the highest, or share it, in any run of
// that length. The scores are arranged in a circle. The result is valid until the next call.
func (r *runs) bestOfRuns(scores []int64, size int) []int32 {
	n := len(scores)
	r.best = r.best[:0]
	first := 0 // of the highest
	for i, score := range scores {
		if score > scores[first] {
			first = i
		}
	}
	size = min(size, n)
	if size == n {
		for i, score := range scores {
			if score == scores[first] {
				r.best = append(r.best, int32(i))
			}
		}
		return r.best
	}
	// From the highest on, once around. No run between the ends of an open place contains a higher one.
	open := append(r.open[:0], openPlace{0, int32(n)})
	good := slices.Grow(r.good[:0], n)[:n]
	clear(good)
	at := func(i int32) int {
		place := first + int(i)
		if place >= n {
			place -= n
		}
		return place
	}
	closed := func(p openPlace, next int32) {
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
		open = append(open, openPlace{i, far})
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
			r.best = append(r.best, int32(i))
		}
	}
	r.open, r.good = open, good
	return r.best
}
