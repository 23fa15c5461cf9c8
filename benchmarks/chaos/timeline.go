package chaos

import (
	"cmp"
	"math"
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
)

// moments is how many points of time a timeline has at most.
const moments = 200

// change is something that is from then on: the pods of a workload that are ready, or the
// disruptions that a budget allows.
type change struct {
	seconds float64
	of      int
	// value is the number, of how many.
	value, all int
}

// marks returns when pods were lost and replaced, and how long nodes were away, to be drawn
// above a timeline.
func marks(chart string, run *journal.Run) []figure.Series {
	time := figure.Axis{Label: "since the run began", Unit: "s"}
	lost, back := journaled(run, run.Lost), journaled(run, run.Recovered)
	list := []figure.Series{
		{Chart: chart, Name: "pods lost", Kind: figure.Events, X: time, Points: lost},
		{Chart: chart, Name: "replacements ready", Kind: figure.Events, X: time, Points: back},
	}
	if choices, restored := journaled(run, run.Choices), journaled(run, run.Restored); len(choices) > 0 && len(restored) > 0 {
		list = append(list, figure.Series{Chart: chart, Name: "nodes are away", Kind: figure.Windows, X: time, Points: [][2]float64{{choices[0][0], restored[0][0]}}})
	}
	return slices.DeleteFunc(list, func(s figure.Series) bool { return len(s.Points) == 0 })
}

// journaled returns the moments of entries, in seconds since the run began: of those within the
// same tenth of a second one.
func journaled[T any](run *journal.Run, entries []journal.Entry[T]) [][2]float64 {
	var points [][2]float64
	for _, e := range entries {
		seconds := math.Round(10*e.Time.Sub(run.Began).Seconds()) / 10
		if len(points) == 0 || points[len(points)-1][0] != seconds {
			points = append(points, [2]float64{seconds, 0})
		}
	}
	return points
}

// timelines returns how available the workloads that lost pods were in the course of a run, all
// of them and the worst at each time, and how many disruptions their budgets allowed.
func timelines(name string, run *journal.Run) []figure.Series {
	r := report.From(run)
	return append(courses(name, r), marks(availabilityChart(name), run)...)
}

func availabilityChart(name string) string { return name + ": availability" }

// courses returns the lines.
func courses(name string, r *report.Report) []figure.Series {
	ready := [][]change{}
	for i, w := range r.Workloads {
		var list []change
		for _, m := range w.Availability {
			list = append(list, change{m.Seconds, i, min(m.Ready, m.Desired), m.Desired})
		}
		ready = append(ready, list)
	}
	allowed := [][]change{}
	for i, b := range r.Budgets {
		var list []change
		for _, m := range b.Moments {
			list = append(list, change{m.Seconds, i, m.Allowed, 0})
		}
		allowed = append(allowed, list)
	}
	time := figure.Axis{Label: "since the run began", Unit: "s"}
	availability := figure.Axis{Label: "pods that are ready, of those desired", Unit: "%"}
	list := []figure.Series{
		{Chart: availabilityChart(name), Name: "all workloads that lost pods", X: time, Y: availability, Points: fold(ready, r.Run.Seconds, percentOfAll)},
		{Chart: availabilityChart(name), Name: "the worst of them", X: time, Y: availability, Points: fold(ready, r.Run.Seconds, worstPercent)},
		{Chart: name + ": budgets", Name: "all that varied", X: time, Y: figure.Axis{Label: "disruptions allowed by all budgets that varied, together"}, Points: fold(allowed, r.Run.Seconds, sum)},
	}
	return slices.DeleteFunc(list, func(s figure.Series) bool { return len(s.Points) == 0 })
}

// fold follows all changes through a run of so many seconds, and returns what they come to:
// of each stretch of time the lowest.
func fold(of [][]change, seconds float64, what func([]change) float64) [][2]float64 {
	var now, all []change
	for _, list := range of {
		if len(list) > 0 { // before its first change it was as this says
			first := list[0]
			first.of = len(now)
			now = append(now, first)
			for _, c := range list[1:] {
				c.of = first.of
				all = append(all, c)
			}
		}
	}
	if len(now) == 0 || seconds <= 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b change) int { return cmp.Compare(a.seconds, b.seconds) })
	value, next := what(now), 0
	var points [][2]float64
	for i := range moments + 1 {
		until := seconds * float64(i) / moments
		lowest := value
		for ; next < len(all) && all[next].seconds <= until; next++ {
			now[all[next].of] = all[next]
			value = what(now)
			lowest = min(lowest, value)
		}
		points = append(points, [2]float64{until, lowest})
	}
	return points
}

func percentOfAll(now []change) float64 {
	value, all := 0, 0
	for _, c := range now {
		value, all = value+c.value, all+c.all
	}
	return 100 * float64(value) / float64(max(1, all))
}

func worstPercent(now []change) float64 {
	worst := 100.0
	for _, c := range now {
		if c.all > 0 {
			worst = min(worst, 100*float64(c.value)/float64(c.all))
		}
	}
	return worst
}

func sum(now []change) float64 {
	total := 0
	for _, c := range now {
		total += c.value
	}
	return float64(total)
}
