package simulation

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// TestBestOfRuns compares with every run, one by one.
func TestBestOfRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		totals := rapid.SliceOfN(rapid.Int64Range(0, 5), 1, 12).Draw(t, "scores")
		size := rapid.IntRange(1, 14).Draw(t, "size")
		var scores []fwk.NodePluginScores
		for i, total := range totals {
			scores = append(scores, fwk.NodePluginScores{Name: fmt.Sprintf("n%02d", i), TotalScore: total})
		}
		var want []string
		for begin := range scores {
			highest := int64(-1)
			for i := range min(size, len(scores)) {
				highest = max(highest, scores[(begin+i)%len(scores)].TotalScore)
			}
			for i := range min(size, len(scores)) {
				if node := scores[(begin+i)%len(scores)]; node.TotalScore == highest {
					want = append(want, node.Name)
				}
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(slices.Compact(want), bestOfRuns(scores, size)); diff != "" {
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
