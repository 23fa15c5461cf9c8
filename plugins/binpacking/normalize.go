package binpacking

import (
	"cmp"
	"math"
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
)

const (
	// scale is the raw score of the highest rating: fine enough to tell a byte of a
	// terabyte, coarse enough to hide the rounding of sums.
	scale = 1 << 42
	// tier is what a node's raw score loses for each reason to prefer any other. It
	// is more than ratings can differ by.
	tier = 2 * scale
)

// normalize brings raw scores into 0..MaxScore. The best node gets the most, even
// where it rates nothing: it is still better than those of lower tiers, which get 0.
// The others of its tier get scores in proportion to it, and each at least one point
// less than the next better one, down to 0: nodes that differ too little for a whole
// point keep their order. Equal nodes stay equal. A node's score depends on better
// nodes only, so leaving out worse ones changes nothing.
func normalize(scores fwk.NodeScoreList) {
	if len(scores) == 0 {
		return
	}
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b].Score, scores[a].Score) })

	previous := scores[order[0]].Score
	floor := tierOf(previous)
	best := float64(previous - floor)
	score := fwk.MaxScore
	for _, i := range order {
		if raw := scores[i].Score; raw < previous {
			previous = raw
			proportional := int64(0)
			if raw > floor {
				proportional = int64(math.Round(float64(raw-floor) / best * float64(fwk.MaxScore)))
			}
			score = max(fwk.MinScore, min(proportional, score-1))
		}
		scores[i].Score = score
	}
}

// tierOf returns the lowest raw score of the tier that a raw score is in.
func tierOf(raw int64) int64 {
	if raw >= 0 {
		return 0
	}
	return -tier * ((-raw + tier - 1) / tier)
}
