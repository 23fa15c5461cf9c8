package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/stowage-k8s/stowage/internal/page"
	layout "github.com/stowage-k8s/stowage/internal/report"
)

// mostDrawn is how many workloads, and budgets, are drawn: the worst.
const mostDrawn = 30

// slots is how many parts the time of a chart is divided into: of each no more is drawn than
// its lowest value and its last, which is as much as can be seen.
const slots = 400

// over returns the axis of the run's time.
func (r *Report) over() page.Axis {
	return page.Axis{Label: "time", Unit: "s", To: r.Run.Seconds}
}

// thinned leaves out the points of a step function that cannot be told from others, and
// continues it to the end.
func thinned(points [][2]float64, end float64) [][2]float64 {
	if len(points) == 0 {
		return nil
	}
	slot := func(i int) int { return int(points[i][0] / max(end, 1e-9) * slots) }
	var list [][2]float64
	for i := 0; i < len(points); {
		first, lowest := i, i
		for ; i < len(points) && slot(i) == slot(first); i++ {
			if points[i][1] < points[lowest][1] {
				lowest = i
			}
		}
		list = append(list, points[lowest])
		if last := i - 1; last != lowest {
			list = append(list, points[last])
		}
	}
	if last := list[len(list)-1]; last[0] < end {
		list = append(list, [2]float64{end, last[1]})
	}
	return list
}

// timeline draws when pods were lost and replaced, and how long that took; nothing where
// nothing happened.
func (r *Report) timeline() []page.Chart {
	if len(r.losses) == 0 {
		return nil
	}
	var drawn, others, replaced []float64
	for _, l := range r.losses {
		at := l.at.Sub(r.Run.Began).Seconds()
		if l.Drawn {
			drawn = append(drawn, at)
		} else {
			others = append(others, at)
		}
		if l.recovered != nil {
			replaced = append(replaced, l.end.Sub(r.Run.Began).Seconds())
		}
	}
	lines := &page.Lines{X: r.over(), Y: page.Axis{Label: "total pods"}, Step: true}
	for _, s := range []struct {
		name   string
		colour page.Colour
		at     []float64
	}{{"lost, drawn by the run", page.Own, drawn}, {"other losses", page.Muted, others}, {"replaced", page.Good, replaced}} {
		if len(s.at) > 0 {
			lines.Series = append(lines.Series, page.Line{Name: s.name, Colour: s.colour, Points: r.soFar(s.at)})
		}
	}
	if len(r.Steps) > 0 {
		steps := page.Events{Name: "start of a step", Colour: page.Quiet}
		for _, s := range r.Steps[:min(len(r.Steps), mostDrawn)] {
			steps.At = append(steps.At, s.Seconds)
		}
		lines.Events = append(lines.Events, steps)
	}
	about := listed(tally{r.Totals.Drawn, "drawn by the run"}, tally{r.Totals.Others, "lost otherwise"}, tally{r.Totals.Losses.Recovered, "replaced"})
	return append([]page.Chart{{Title: "Losses and replacements", About: about, Lines: lines}}, r.histogram()...)
}

// soFar counts moments: a step up at each.
func (r *Report) soFar(at []float64) [][2]float64 {
	slices.Sort(at)
	points := [][2]float64{{0, 0}}
	for i, seconds := range at {
		points = append(points, [2]float64{max(0, rounded(seconds)), float64(i + 1)})
	}
	return thinned(points, r.Run.Seconds)
}

// classes is the most bars of the histogram.
const classes = 12

// histogram draws how long recovery took; nothing where nothing was to recover.
func (r *Report) histogram() []page.Chart {
	all := r.Totals.Recovery
	if all.N+all.Unrecovered == 0 {
		return nil
	}
	width := 1.0
	if all.N > 0 {
		width = nice(all.sorted[all.N-1] / classes)
	}
	used := 1
	var counts [classes + 2]float64
	for _, s := range all.sorted {
		class := min(int(s/width), classes)
		counts[class]++
		used = max(used, class+1)
	}
	b := &page.Bars{Upright: true, Stacked: true}
	ready, never := page.BarSeries{Name: "replaced", Colour: page.Good}, page.BarSeries{Name: "not replaced", Colour: page.Alarm}
	add := func(category string, n, not float64) {
		b.Categories = append(b.Categories, category)
		ready.Values, never.Values = append(ready.Values, page.Exactly(n)), append(never.Values, page.Exactly(not))
	}
	for i, n := range counts[:used] {
		add(page.Number(float64(i)*width)+"–"+seconds(float64(i+1)*width), n, 0)
	}
	b.Series = []page.BarSeries{ready}
	if all.Unrecovered > 0 {
		add("never", 0, float64(all.Unrecovered))
		b.Series = []page.BarSeries{ready, never}
	}
	about := "lost pods: " + listed(tally{all.N, "replaced"}, tally{all.Unrecovered, "not replaced"})
	return []page.Chart{{Title: "Time until a replacement was ready", About: about, Bars: b}}
}

// nice returns the next of 1, 2, 5, 10 … times a power of ten that is not smaller.
func nice(value float64) float64 {
	if value <= 0 {
		return 1
	}
	power := math.Pow10(int(math.Floor(math.Log10(value))))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= value {
			return factor * power
		}
	}
	return 10 * power
}

// availability draws the worst workloads.
func (r *Report) availability() []page.Chart {
	var list []page.Chart
	for _, w := range r.Workloads {
		if len(list) == mostDrawn {
			break
		}
		if w.Floor == nil {
			continue
		}
		points := make([][2]float64, len(w.Availability))
		for i, m := range w.Availability {
			points[i] = [2]float64{m.Seconds, m.Percent}
		}
		list = append(list, page.Chart{
			Title: w.Workload, About: fmt.Sprintf("%s at the worst moment, after %s", ready(*w.Floor), seconds(w.Floor.Seconds)), Small: true,
			Lines: &page.Lines{
				X: r.over(), Y: page.Axis{Label: "ready", Unit: "%", To: 100}, Step: true,
				Series: []page.Line{{Name: "ready pods", Colour: page.Own, Points: thinned(points, r.Run.Seconds)}},
			},
		})
	}
	return list
}

// allowances draws what the budgets with least to spare allowed, and when they were broken.
func (r *Report) allowances() []page.Chart {
	var list []page.Chart
	for _, b := range r.Budgets[:min(len(r.Budgets), mostDrawn)] {
		about := fmt.Sprintf("at least %s allowed", layout.Count(b.Allowed, "disruption"))
		if b.Broken {
			about += fmt.Sprintf("; broken for %s by %s", seconds(b.BrokenSeconds), b.By)
		}
		most := 1
		points := make([][2]float64, len(b.Moments))
		lines := &page.Lines{X: r.over(), Step: true}
		for i, m := range b.Moments {
			points[i], most = [2]float64{m.Seconds, float64(m.Allowed)}, max(most, m.Allowed)
			if m.spare() >= 0 {
				continue
			}
			until := r.Run.Seconds
			if i+1 < len(b.Moments) {
				until = b.Moments[i+1].Seconds
			}
			lines.Windows = append(lines.Windows, page.Window{Name: "fewer healthy pods than required", From: m.Seconds, To: until})
		}
		lines.Y = page.Axis{Label: "allowed", To: float64(most)}
		lines.Series = []page.Line{{Name: "disruptions allowed", Colour: page.Own, Points: thinned(points, r.Run.Seconds)}}
		list = append(list, page.Chart{Title: b.Budget, About: about, Small: true, Lines: lines})
	}
	return list
}
