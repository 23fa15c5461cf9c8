package karpenter

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMix(t *testing.T) {
	for seed := range uint64(50) {
		counts := mix(seed, 200)
		if sum(counts) != 200 {
			t.Errorf("seed %d: %v are %d pods, want 200", seed, counts, sum(counts))
		}
		for i, n := range counts {
			if n < 10 {
				t.Errorf("seed %d: %d pods of size %s, want 10 at least", seed, n, sizes[i].name)
			}
		}
		if diff := cmp.Diff(counts, mix(seed, 200)); diff != "" {
			t.Errorf("seed %d: another mix the second time:\n%s", seed, diff)
		}
		if less := shrunk(counts, 80); sum(less) != 80 {
			t.Errorf("seed %d: %v are %d pods, want 80", seed, less, sum(less))
		}
	}
	if cmp.Equal(mix(1, 200), mix(2, 200)) {
		t.Error("two seeds have the same mix")
	}
}

func TestShrunk(t *testing.T) {
	tests := []struct {
		counts []int
		pods   int
		want   []int
	}{
		{[]int{100, 50, 50}, 80, []int{40, 20, 20}},
		{[]int{10, 99, 91}, 80, []int{4, 40, 36}},
		{[]int{1, 1, 1}, 2, []int{1, 1, 0}},
		{[]int{5, 5}, 0, []int{0, 0}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, shrunk(tt.counts, tt.pods)); diff != "" {
			t.Errorf("%v, %d pods of them (-want +got):\n%s", tt.counts, tt.pods, diff)
		}
	}
}
