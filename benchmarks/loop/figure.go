package loop

import (
	"io"
	"math"
	"slices"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Metrics of figures.
const (
	cpuPerPod    = "cpu_us_per_pod"
	allocsPerPod = "allocs_per_pod"
	nodesUsed    = "nodes_used"
	lowerBound   = "lower_bound"
)

// Figure is one thing measured.
type Figure struct {
	Case    string `json:"case"`
	Subject string `json:"subject"`
	Metric  string `json:"metric"`
	// Value is the median over the rounds, between Min and Max, or a plain count.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Min   float64 `json:"min,omitempty"`
	Max   float64 `json:"max,omitempty"`
}

// summary completes the figure from what was measured round by round.
func summary(f Figure, values []float64) Figure {
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

// WriteJSON writes the figures as a list.
func WriteJSON(out io.Writer, figures []Figure) error { return report.WriteJSON(out, figures) }

// WriteFile writes the figures to a file, whole or not at all.
func WriteFile(path string, figures []Figure) error {
	return report.WriteFile(path, func(out io.Writer) error { return WriteJSON(out, figures) })
}
