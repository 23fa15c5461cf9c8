package binpacking

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	fwk "k8s.io/kube-scheduler/framework"
	"pgregory.net/rapid"
)

func normalized(raw ...int64) []int64 {
	scores := slices.Clone(raw)
	normalize(scores)
	return scores
}

func TestNormalize(t *testing.T) {
	tests := []struct {
		name      string
		raw, want []int64
	}{
		{"no nodes", nil, nil},
		{"equal nodes all get the most, even if they rate nothing", []int64{0, 0}, []int64{100, 100}},
		{"proportions are kept where there is room", []int64{1000, 500, 0}, []int64{100, 50, 0}},
		{"near ties are told apart", []int64{1000, 999, 998, 998}, []int64{100, 99, 98, 98}},
		{"the order ends where scores do", []int64{1000, 12, 11, 10}, []int64{100, 1, 0, 0}},
		{"a run of near ties pushes down those below it only as far as needed", []int64{1000, 999, 998, 990, 400}, []int64{100, 99, 98, 97, 40}},
		{"a lower tier gets nothing, however it rates there", []int64{scale / 2, scale - tier, scale / 4}, []int64{100, 0, 50}},
		{"where every node is in a lower tier, proportions are those within it", []int64{scale/2 - tier, scale/4 - tier, -tier}, []int64{100, 50, 0}},
		{"a node that rates nothing still comes before a lower tier", []int64{scale - tier, 0}, []int64{0, 100}},
		{"and so it does in a lower tier itself", []int64{-tier, scale - 2*tier}, []int64{100, 0}},
		{"the best of a tier is as good as its rating is high", []int64{scale - 7*tier, scale/2 - 7*tier}, []int64{100, 50}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := gocmp.Diff(tt.want, normalized(tt.raw...)); diff != "" {
				t.Errorf("normalize (-want +got):\n%s", diff)
			}
		})
	}
}

// drawRaw draws raw scores, many of them near ties, or where tiers begin and end.
func drawRaw(rt *rapid.T) []int64 {
	rating := rapid.OneOf(
		rapid.Int64Range(0, scale),
		rapid.Int64Range(scale/2, scale/2+20),
		rapid.SampledFrom([]int64{0, 1, scale}),
	)
	one := rapid.Custom(func(rt *rapid.T) int64 {
		return rating.Draw(rt, "rating") - tier*rapid.SampledFrom([]int64{0, 0, 0, 1, 2, 3, 7}).Draw(rt, "tier")
	})
	return rapid.SliceOfN(one, 1, 150).Draw(rt, "raw scores")
}

// TestNormalizeKeepsOrder draws raw scores: a better node gets more, down to where
// scores end, equal ones the same, and the best alone is at the top.
func TestNormalizeKeepsOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := drawRaw(rt)
		scores := normalized(raw...)
		best := slices.Max(raw)
		for i := range raw {
			if scores[i] < fwk.MinScore || scores[i] > fwk.MaxScore {
				rt.Fatalf("raw score %d becomes %d", raw[i], scores[i])
			}
			if (raw[i] == best) != (scores[i] == fwk.MaxScore) {
				rt.Fatalf("the best is %d, but %d gets %d", best, raw[i], scores[i])
			}
			for j := range raw {
				if c := cmp.Compare(raw[i], raw[j]); c != cmp.Compare(scores[i], scores[j]) && (c == 0 || max(scores[i], scores[j]) > 0) {
					rt.Fatalf("raw scores %d and %d become %d and %d", raw[i], raw[j], scores[i], scores[j])
				}
			}
		}
	})
}

// TestNormalizeWithoutTheWorst draws raw scores: the nodes that are left keep their
// scores when worse ones are left out. The engine relies on it where it looks at a
// part of the nodes only.
func TestNormalizeWithoutTheWorst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		raw := drawRaw(rt)
		slices.SortFunc(raw, func(a, b int64) int { return cmp.Compare(b, a) })
		all := normalized(raw...)
		kept := rapid.IntRange(1, len(raw)).Draw(rt, "kept")
		if diff := gocmp.Diff(all[:kept], normalized(raw[:kept]...)); diff != "" {
			rt.Fatalf("scores of the %d best of %d (-all +these alone):\n%s", kept, len(raw), diff)
		}
	})
}
