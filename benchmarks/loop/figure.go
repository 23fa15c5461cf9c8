package loop

import "github.com/stowage-k8s/stowage/benchmarks/figure"

// Metrics of figures.
const (
	cpuPerPod    = "cpu_us_per_pod"
	allocsPerPod = "allocs_per_pod"
	nodesUsed    = "nodes_used"
	lowerBound   = "lower_bound"
)

// summary completes the figure from what was measured round by round; less is better.
func summary(f figure.Figure, samples []float64) figure.Figure {
	f.Better = figure.Lower
	return f.Of(samples...).Rounded(1)
}
