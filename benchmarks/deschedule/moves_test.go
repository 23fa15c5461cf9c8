package deschedule

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPair(t *testing.T) {
	on := func(app string, nodes ...string) []placement {
		var list []placement
		for _, node := range nodes {
			list = append(list, placement{app, node})
		}
		return list
	}
	tests := []struct {
		name            string
		evicted, landed []placement
		want            []move
	}{
		{"a pod that goes elsewhere", on("a", "n0"), on("a", "n1"), []move{{"a", "n0", "n1"}}},
		{"two that change places have both come back", on("a", "n0", "n1"), on("a", "n1", "n0"), []move{{"a", "n0", "n0"}, {"a", "n1", "n1"}}},
		{"two from one node, one of which comes back", on("a", "n0", "n0"), on("a", "n3", "n0"), []move{{"a", "n0", "n0"}, {"a", "n0", "n3"}}},
		{"another workload's pod does not count", on("a", "n0"), on("b", "n0"), []move{{"a", "n0", ""}}},
		{"one that waits comes last", on("a", "n0", "n1"), on("a", "", "n2"), []move{{"a", "n0", "n2"}, {"a", "n1", ""}}},
		{"one that nothing has come for", on("a", "n0", "n1"), on("a", "n1"), []move{{"a", "n1", "n1"}, {"a", "n0", ""}}},
		{"no evictions", nil, on("a", "n0"), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, pair(tt.evicted, tt.landed), cmp.AllowUnexported(move{})); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	before := clusterOf(map[string][]int64{"a": {6000}})
	after := clusterOf(nil, nil, map[string][]int64{"a": {5001}})
	moves := []move{{"a", "n0", "n1"}, {"a", "n0", "n0"}, {"a", "n0", ""}, {"a", "n0", "gone"}, {"a", "n0", "n2"}}
	if returned, useless := judge(moves, leveled{}, before, after); returned != 1 || useless != 4 {
		t.Errorf("%d returned and %d useless, want 1 and 4", returned, useless)
	}
}
