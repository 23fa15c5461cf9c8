package deschedule

import (
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// outcome is what one run of a subject has come to.
type outcome struct {
	evictions, bound  int
	returned, useless int
	seen              seen
	calls             calls
	before, after     float64 // imbalance
	emptied           int
	second            int
	ran               child.Ran
	// standIns says that the case is one for stand-ins, and moved how many pods are on another
	// node, whoever took the old ones away.
	standIns bool
	moved    int
}

// figures lists the outcome.
func (o outcome) figures(name, subject string) []figure.Figure {
	list := []measured{
		{"evictions", float64(o.evictions), "count"},
		{"evictions_lower_bound", float64(o.bound), "count"},
		{"returned_to_source", float64(o.returned), "count"},
		{"useless", float64(o.useless), "count"},
		{"rejected_429", float64(o.calls.rejected), "count"},
		{"min_availability", o.seen.lowest, "fraction"},
		{"budgets_broken", float64(o.seen.broken), "count"},
		{"imbalance_before", o.before, "points"},
		{"imbalance_after", o.after, "points"},
		{"nodes_emptied", float64(o.emptied), "count"},
		{"second_run_evictions", float64(o.second), "count"},
		{"plan_s", o.planned().Seconds(), "s"},
		{"wall_s", o.ran.Wall.Seconds(), "s"},
		{"peak_rss_mib", float64(o.ran.PeakRSS) / (1 << 20), "MiB"},
		{"api_calls", float64(o.calls.total), "count"},
		{"exit_code", float64(o.ran.Code), "code"},
	}
	if !o.standIns {
		return collect(name, subject, list)
	}
	down := slices.Sorted(slices.Values(o.seen.down))
	sum := time.Duration(0)
	for _, d := range down {
		sum += d
	}
	return collect(name, subject, append(list, []measured{
		{"moved", float64(o.moved), "count"},
		{"down_median_s", down[len(down)/2].Seconds(), "s"},
		{"down_worst_s", down[len(down)-1].Seconds(), "s"},
		{"down_sum_s", sum.Seconds(), "s"},
		{"calls_per_move", float64(o.calls.total) / float64(max(1, o.moved)), "count"},
	}...))
}

// planned is how long it took until the first eviction or stand-in was asked for, or until the
// end where none was.
func (o outcome) planned() time.Duration {
	if o.calls.firstEviction != nil {
		return *o.calls.firstEviction
	}
	return o.ran.Wall
}

// better says which way the metrics get better that do.
var better = map[string]figure.Direction{
	"returned_to_source": figure.Lower, "useless": figure.Lower, "rejected_429": figure.Lower,
	"min_availability": figure.Higher, "budgets_broken": figure.Lower, "imbalance_after": figure.Lower,
	"nodes_emptied": figure.Higher, "second_run_evictions": figure.Lower, "plan_s": figure.Lower, "wall_s": figure.Lower,
	"peak_rss_mib": figure.Lower, "api_calls": figure.Lower,
	"moved": figure.Higher, "down_median_s": figure.Lower, "down_worst_s": figure.Lower, "down_sum_s": figure.Lower, "calls_per_move": figure.Lower,
}

// measured is a figure of one case and subject.
type measured struct {
	metric string
	value  float64
	unit   string
}

func collect(name, subject string, list []measured) []figure.Figure {
	var figures []figure.Figure
	for _, m := range list {
		f := figure.Figure{Case: name, Subject: subject, Metric: m.metric, Value: m.value, Unit: m.unit, Better: better[m.metric]}
		figures = append(figures, f.Rounded(3))
	}
	return figures
}
