package packing

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Metrics of figures. Of resources other than the one that the demand is for, what is
// allocated is a metric of its own: allocated, "_" and the resource.
const (
	allocated          = "allocated"
	unplaced           = "unplaced"
	arrivals           = "arrivals"
	refused            = "refused"
	stranded           = "stranded"
	nodesUsed          = "nodes_used"
	lowerBound         = "lower_bound"
	nodesUsedOverBound = "nodes_used_over_bound"
	compacted          = "compacted"
)

// Titles of charts, each of which the workload's case follows.
const (
	allocationChart = "allocation against demand"
	nodesChart      = "nodes used against demand"
)

// caseOf returns the name of the workload's figures: its own, and how many nodes there are.
func caseOf(w Workload) string { return fmt.Sprintf("%s/%d", w.Name, len(w.Nodes)) }

// short returns what a resource is called in metrics.
func short(name corev1.ResourceName) string {
	if name == GPUMilli {
		return "gpu"
	}
	return string(name)
}

// figuresOf returns the figures of a subject, of which there is a result for each seed.
func figuresOf(w Workload, subject Subject, results []result) []figure.Figure {
	var figures []figure.Figure
	add := func(metric, unit string, digits int, better figure.Direction, value func(result) float64) {
		var samples []float64
		for _, r := range results {
			samples = append(samples, value(r))
		}
		f := figure.Figure{Case: caseOf(w), Subject: subject.Name, Metric: metric, Unit: unit, Better: better}
		figures = append(figures, f.Of(samples...).Rounded(digits))
	}
	demand := w.demand()
	percentOf := func(name corev1.ResourceName) func(result) float64 {
		return func(r result) float64 { return 100 * r.allocated[name] }
	}
	add(allocated, "%", 2, figure.Higher, percentOf(demand))
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, GPUMilli} {
		if _, has := results[0].allocated[name]; has && name != demand {
			add(allocated+"_"+short(name), "%", 2, "", percentOf(name))
		}
	}
	add(arrivals, "count", 0, "", func(r result) float64 { return float64(r.pods) })
	add(unplaced, "count", 0, figure.Lower, func(r result) float64 { return float64(r.unplaced) })
	add(refused, "%", 2, figure.Lower, func(r result) float64 { return 100 * r.refused })
	add(stranded, "%", 2, figure.Lower, func(r result) float64 { return 100 * r.stranded })
	add(nodesUsed, "count", 0, figure.Lower, func(r result) float64 { return float64(r.nodesUsed) })
	add(lowerBound, "count", 0, "", func(r result) float64 { return float64(r.lowerBound) })
	add(nodesUsedOverBound, "ratio", 3, figure.Lower, func(r result) float64 { return float64(r.nodesUsed) / float64(r.lowerBound) })
	if results[0].compacted > 0 {
		add(compacted, "%", 1, figure.Lower, func(r result) float64 { return 100 * r.compacted })
	}
	return figures
}

// seriesOf returns the subject's curves: means over the seeds, in percent.
func seriesOf(w Workload, subject Subject, results []result) []figure.Series {
	points := len(results[0].curve)
	for _, r := range results {
		points = min(points, len(r.curve))
	}
	allocation, nodes := [][2]float64{{0, 0}}, [][2]float64{{0, 0}}
	for i := range points {
		var granted, used float64
		for _, r := range results {
			granted += r.curve[i].allocated
			used += r.curve[i].nodesUsed
		}
		x, mean := figure.Round(100*step*float64(i+1), 2), 100/float64(len(results))
		allocation = append(allocation, [2]float64{x, figure.Round(mean*granted, 2)})
		nodes = append(nodes, [2]float64{x, figure.Round(mean*used, 2)})
	}
	demand := figure.Axis{Label: strings.ToUpper(short(w.demand())) + " asked for, of what all nodes have", Unit: "%"}
	return []figure.Series{
		{Chart: allocationChart + ": " + caseOf(w), Name: subject.Name, X: demand, Y: figure.Axis{Label: "allocated", Unit: "%"}, Points: allocation},
		{Chart: nodesChart + ": " + caseOf(w), Name: subject.Name, X: demand, Y: figure.Axis{Label: "nodes used", Unit: "%"}, Points: nodes},
	}
}
