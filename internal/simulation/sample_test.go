package simulation

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// TestBestOfRuns compares with every run, one by one.
func TestBestOfRuns(t *testing.T) {
	var used runs
	rapid.Check(t, func(t *rapid.T) {
		totals := rapid.SliceOfN(rapid.Int64Range(0, 5), 1, 12).Draw(t, "scores")
		size := rapid.IntRange(1, 14).Draw(t, "size")
		var want []int32
		for begin := range totals {
			highest := int64(-1)
			for i := range min(size, len(totals)) {
				highest = max(highest, totals[(begin+i)%len(totals)])
			}
			for i := range min(size, len(totals)) {
				if at := (begin + i) % len(totals); totals[at] == highest {
					want = append(want, int32(at))
				}
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), used.bestOfRuns(totals, size)); diff != "" {
			t.Errorf("best nodes (-want +got):\n%s", diff)
		}
	})
}

func TestSampleSize(t *testing.T) {
	tests := []struct {
		name       string
		percentage *int32
		nodes      int
		want       int
	}{
		{"few nodes are all looked at", ptr.To[int32](10), 99, 99},
		{"of some more, a hundred", nil, 200, 100},
		{"the share falls with the cluster", nil, 1000, 420},
		{"but not below 5 %", nil, 10000, 500},
		{"a percentage is kept to", ptr.To[int32](70), 1000, 700},
		{"but for a hundred nodes", ptr.To[int32](1), 1000, 100},
		{"100 % are all", ptr.To[int32](100), 1000, 1000},
		{"0 % leaves it to the engine", ptr.To[int32](0), 1000, 420},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := SampleSize(tt.percentage, tt.nodes); got != tt.want {
				t.Errorf("%d nodes, want %d", got, tt.want)
			}
		})
	}
}
