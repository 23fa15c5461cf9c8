package loop

import "github.com/stowage-k8s/stowage/benchmarks/figure"

// Metrics of figures.
const (
	CPUPerPod    = "cpu_us_per_pod"
	allocsPerPod = "allocs_per_pod"
	nodesUsed    = "nodes_used"
	lowerBound   = "lower_bound"
	// FirstPod and Heap are there where the footprint was asked for.
	FirstPod = "first_pod_ms"
	Heap     = "heap_mib"
)

// summary completes the figure from what was measured round by round; less is better.
func summary(f figure.Figure, samples []float64) figure.Figure {
	f.Better = figure.Lower
	return f.Of(samples...).Rounded(1)
}
