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

// normalize scales raw scores to 0..MaxScore. The best node gets MaxScore, even if its rating
// is 0, because it is better than nodes of lower tiers, which get 0. Other nodes of its tier
// get scores in proportion to it, and at least one point less than the next better one, down
// to 0, so that nodes that differ by less than a point keep their order. Equal nodes get
// equal scores. A node's score depends only on better nodes, so omitting worse nodes changes
// nothing.
func normalize(scores []int64) {
	if len(scores) == 0 {
		return
	}
	// So many points, so many that can have one.
	highest := highestOf(scores, int(fwk.MaxScore)+1)
	points := make([]int64, len(highest))
	floor := tierOf(highest[0])
	best := float64(highest[0] - floor)
	points[0] = fwk.MaxScore
	for i, raw := range highest[1:] {
		proportional := int64(0)
		if raw > floor {
			proportional = int64(math.Round(float64(raw-floor) / best * float64(fwk.MaxScore)))
		}
		points[i+1] = max(fwk.MinScore, min(proportional, points[i]-1))
	}
	least := highest[len(highest)-1]
	for i, raw := range scores {
		scores[i] = fwk.MinScore
		if raw >= least {
			place, _ := slices.BinarySearchFunc(highest, raw, descending)
			scores[i] = points[place]
		}
	}
}

// highestOf returns the highest different scores, the highest first, up to that many.
func highestOf(scores []int64, most int) []int64 {
	highest := make([]int64, 0, most+1)
	for _, raw := range scores {
		if len(highest) == most && raw <= highest[most-1] {
			continue
		}
		place, found := slices.BinarySearchFunc(highest, raw, descending)
		if found {
			continue
		}
		highest = slices.Insert(highest, place, raw)
		highest = highest[:min(most, len(highest))]
	}
	return highest
}

func descending(a, b int64) int {
	return cmp.Compare(b, a)
}

// tierOf returns the lowest raw score of the tier that a raw score is in.
func tierOf(raw int64) int64 {
	if raw >= 0 {
		return 0
	}
	return -tier * ((-raw + tier - 1) / tier)
}
