package planner

import (
	"cmp"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// pictureOf returns the utilization of the nodes that the policy selects, without pods that are
// leaving, which may take minutes.
func pictureOf(state *strategy.State) plan.Picture {
	p := plan.Picture{}
	shares := map[corev1.ResourceName][]float64{corev1.ResourceCPU: nil, corev1.ResourceMemory: nil, corev1.ResourcePods: nil}
	for _, node := range state.Nodes() {
		for name, requested := range node.Lasting {
			if _, known := shares[name]; !known && requested > 0 {
				shares[name] = nil
			}
		}
	}
	for _, node := range state.Nodes() {
		if !node.Selected {
			continue
		}
		p.Nodes++
		if node.InUse() {
			p.Used++
		}
		for name := range shares {
			if allocatable := node.Allocatable[name]; allocatable > 0 {
				shares[name] = append(shares[name], 100*float64(node.Lasting[name])/float64(allocatable))
			}
		}
	}
	rank := []corev1.ResourceName{corev1.ResourcePods, corev1.ResourceMemory, corev1.ResourceCPU}
	for _, name := range slices.SortedFunc(maps.Keys(shares), func(a, b corev1.ResourceName) int {
		return cmp.Or(cmp.Compare(slices.Index(rank, b), slices.Index(rank, a)), cmp.Compare(a, b))
	}) {
		if len(shares[name]) > 0 {
			p.Resources = append(p.Resources, utilizationOf(name, shares[name]))
		}
	}
	return p
}

// utilizationOf sums the percentages of the nodes up.
func utilizationOf(name corev1.ResourceName, percentages []float64) plan.Utilization {
	u := plan.Utilization{Name: name, Min: slices.Min(percentages), Max: slices.Max(percentages)}
	for _, p := range percentages {
		u.Histogram[min(len(u.Histogram)-1, int(p/10))]++
		u.Mean += p / float64(len(percentages))
	}
	for _, p := range percentages {
		u.StdDev += (p - u.Mean) * (p - u.Mean) / float64(len(percentages))
	}
	u.StdDev = math.Sqrt(u.StdDev)
	return u
}
