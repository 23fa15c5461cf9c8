package target

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// workload returns the pods of a workload, as All would.
func workload(name string, replicas int) []Pod {
	w := &cluster.Workload{Kind: "Deployment", Namespace: "shop", Name: name}
	var pods []Pod
	for rank := range replicas {
		pods = append(pods, Pod{Pod: newPod("shop", fmt.Sprintf("%s-%d", name, rank)), Workload: w, Rank: rank})
	}
	return pods
}

func barePods(replicas int) []Pod {
	var pods []Pod
	for i := range replicas {
		pods = append(pods, Pod{Pod: newPod("shop", fmt.Sprintf("bare-%d", i))})
	}
	return pods
}

// TestDrawIsUniform draws one pod, and then three, 20,000 times each, and compares how
// often each pod was drawn with what it should be, by Pearson's χ². The limits are the
// quantiles of 1 − 10⁻⁶ for the degrees of freedom; with fixed seeds the test always gives the same.
func TestDrawIsUniform(t *testing.T) {
	const draws = 20_000
	for _, tc := range []struct {
		name  string
		pods  []Pod
		most  int
		limit float64
	}{
		{name: "one of the pods of workloads of several sizes and bare pods, each as likely", pods: slices.Concat(workload("a", 1), workload("b", 3), workload("c", 6), barePods(5)), most: 1, limit: 55.3},
		{name: "three of the pods of workloads of one size, each as likely", pods: slices.Concat(workload("a", 3), workload("b", 3), workload("c", 3), workload("d", 3), workload("e", 3)), most: 3, limit: 55.3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			counts := map[string]int{}
			for i := range draws {
				for _, pod := range Draw(draw.Seed(i), tc.pods, tc.most) {
					counts[pod.Name]++
				}
			}
			expected := float64(draws*tc.most) / float64(len(tc.pods))
			chi2 := 0.0
			for _, pod := range tc.pods {
				off := float64(counts[pod.Name]) - expected
				chi2 += off * off / expected
			}
			if chi2 > tc.limit {
				t.Errorf("χ² is %.1f with %d degrees of freedom, more than %.1f: %v", chi2, len(tc.pods)-1, tc.limit, counts)
			}
			t.Logf("χ² is %.1f with %d degrees of freedom", chi2, len(tc.pods)-1)
		})
	}
}

// drawPods draws pods of some workloads and bare ones, in any order.
func drawPods(t *rapid.T) []Pod {
	pods := barePods(rapid.IntRange(0, 4).Draw(t, "bare pods"))
	for i := range rapid.IntRange(0, 5).Draw(t, "workloads") {
		pods = append(pods, workload(fmt.Sprint("w", i), rapid.IntRange(1, 5).Draw(t, "replicas"))...)
	}
	return rapid.Permutation(pods).Draw(t, "pods")
}

func TestDrawProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pods := drawPods(t)
		seed := draw.Seed(rapid.Uint64().Draw(t, "seed"))
		most := rapid.IntRange(0, 12).Draw(t, "most")
		before := slices.Clone(pods)
		drawn := Draw(seed, pods, most)
		if diff := cmp.Diff(names(before), names(pods)); diff != "" {
			t.Fatalf("what was drawn from has changed (-before, +after):\n%s", diff)
		}

		workloads := map[string]bool{}
		for _, pod := range pods {
			workloads[pod.WorkloadKey()] = true
		}
		if want := min(most, len(workloads)); len(drawn) != want {
			t.Fatalf("%d are drawn, want %d: at most %d of %d workloads", len(drawn), want, most, len(workloads))
		}
		seen := map[string]bool{}
		for _, pod := range drawn {
			if seen[pod.WorkloadKey()] {
				t.Fatalf("two of %s are drawn: %v", pod.WorkloadKey(), names(drawn))
			}
			seen[pod.WorkloadKey()] = true
		}
		if more := Draw(seed, pods, most+1); !slices.Equal(names(drawn), names(more)[:len(drawn)]) {
			t.Fatalf("of %d are drawn %v, and of %d %v", most, names(drawn), most+1, names(more))
		}

		// Any pods that are not drawn go.
		rest := slices.DeleteFunc(slices.Clone(pods), func(pod Pod) bool {
			return !slices.Contains(names(drawn), pod.Name) && rapid.Bool().Draw(t, "goes")
		})
		if diff := cmp.Diff(names(drawn), names(Draw(seed, rapid.Permutation(rest).Draw(t, "rest"), most))); diff != "" {
			t.Fatalf("others went, and so the draw changed (-before, +after):\n%s", diff)
		}
		// A workload comes: it is drawn or not, and at most one that was drawn is not any more.
		came := Draw(seed, append(workload("new", 3), pods...), most)
		lost := 0
		for _, pod := range drawn {
			if !slices.Contains(names(came), pod.Name) {
				lost++
			}
		}
		if lost > 1 {
			t.Fatalf("a workload came, and the draw changed from %v to %v", names(drawn), names(came))
		}
	})
}
