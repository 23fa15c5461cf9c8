package scaling

import (
	"math"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
)

// Metrics of figures, beside those of package loop.
const (
	exponent      = "exponent"
	standardError = "exponent_standard_error"
	rSquared      = "exponent_r_squared"
	bytesPerNode  = "scheduler_bytes_per_node"
	bytesPerPod   = "scheduler_bytes_per_pod"
	storedBytes   = "stored_bytes"
	keptBytes     = "informer_bytes"
	decoding      = "decoding_us"
)

// sized is a figure of a cluster of that many nodes.
type sized struct {
	nodes int
	figure.Figure
}

// along returns a figure at each size at which there is one.
func (c Choice) along(figures []figure.Figure, l line, subject, metric string) []sized {
	var all []sized
	for _, nodes := range c.Nodes {
		if f, has := figure.Find(figures, l.at(nodes).String(), subject, metric); has {
			all = append(all, sized{nodes, f})
		}
	}
	return all
}

// points returns pairs of size and value.
func points(list []sized, value func(figure.Figure) float64) [][2]float64 {
	var all [][2]float64
	for _, s := range list {
		all = append(all, [2]float64{float64(s.nodes), value(s.Figure)})
	}
	return all
}

func median(f figure.Figure) float64 { return f.Value }

// exponents returns, for each line and subject with figures of two sizes or more, by
// which power of the nodes the CPU time of a pod grows: fitted to each round, and how
// well a power law fits the medians of the rounds.
func (c Choice) exponents(figures []figure.Figure) []figure.Figure {
	var all []figure.Figure
	for _, l := range c.lines() {
		for _, subject := range c.Subjects {
			costs := c.along(figures, l, subject, loop.CPUPerPod)
			if len(costs) < 2 {
				continue
			}
			var rounds []float64
			for round := range costs[0].Samples {
				rounds = append(rounds, fitPower(points(costs, func(f figure.Figure) float64 { return f.Samples[round] })).exponent)
			}
			f := figure.Figure{Case: l.String(), Subject: subject, Metric: exponent, Better: figure.Lower}
			all = append(all, f.Of(rounds...).Rounded(3))
			if fitted := fitPower(points(costs, median)); !math.IsNaN(fitted.standardError) {
				all = append(all,
					figure.Figure{Case: l.String(), Subject: subject, Metric: standardError, Value: fitted.standardError}.Rounded(3),
					figure.Figure{Case: l.String(), Subject: subject, Metric: rSquared, Value: fitted.rSquared}.Rounded(3))
			}
		}
	}
	return all
}

// series returns the CPU time of a pod along the number of nodes.
func (c Choice) series(figures []figure.Figure) []figure.Series {
	var all []figure.Series
	for _, l := range c.lines() {
		for _, subject := range c.Subjects {
			costs := c.along(figures, l, subject, loop.CPUPerPod)
			if len(costs) < 2 {
				continue
			}
			all = append(all, figure.Series{
				Chart: "What a pod costs as the cluster grows: " + l.String(), Name: subject,
				X: figure.Axis{Label: "nodes", Log: true}, Y: figure.Axis{Label: "CPU time per pod", Unit: "µs", Log: true},
				Points: points(costs, median),
			})
		}
	}
	return all
}

// memory returns, for each line and subject, what the scheduler keeps at the largest size
// measured: per node where there are no pods yet, and per pod what it keeps more than
// that where there are.
func (c Choice) memory(figures []figure.Figure) []figure.Figure {
	var all []figure.Figure
	for _, subject := range c.Subjects {
		var empty []sized
		for _, l := range c.lines() {
			heaps := c.along(figures, l, subject, loop.Heap)
			if len(heaps) == 0 {
				continue
			}
			last := heaps[len(heaps)-1]
			pods := l.at(last.nodes).Pods()
			if pods == 0 {
				empty = heaps
				all = append(all, perOne(last, bytesPerNode, last.Value, last.nodes))
			} else if len(empty) == len(heaps) {
				all = append(all, perOne(last, bytesPerPod, last.Value-empty[len(empty)-1].Value, pods))
			}
		}
	}
	return all
}

// perOne returns a figure of the same case: so many MiB shared among that many.
func perOne(s sized, metric string, mib float64, count int) figure.Figure {
	return figure.Figure{
		Case: s.Case, Subject: s.Subject, Metric: metric, Value: mib * (1 << 20) / float64(count), Unit: "B", Better: figure.Lower,
	}.Rounded(0)
}
