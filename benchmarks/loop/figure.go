package loop

import (
	"math"
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Metrics of figures.
const (
	cpuPerPod    = "cpu_us_per_pod"
	allocsPerPod = "allocs_per_pod"
	nodesUsed    = "nodes_used"
	lowerBound   = "lower_bound"
)

// summary completes the figure from what was measured round by round.
func summary(f figure.Figure, values []float64) figure.Figure {
	f.Value, f.Min, f.Max = tenths(median(values)), tenths(slices.Min(values)), tenths(slices.Max(values))
	return f
}

func tenths(v float64) float64 { return math.Round(v*10) / 10 }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
