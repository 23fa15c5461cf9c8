package report

import (
	"fmt"
	"math"
	"strings"
)

// mostDrawn is how many workloads, and budgets, are drawn: the worst.
const mostDrawn = 30

// Sizes of a chart, in pixels of its own; it is scaled to the screen.
const (
	chartWidth = 340
	plotLeft   = 40
	plotRight  = chartWidth - 8
	plotTop    = 8
	plotBottom = 76
	chartDepth = 94
)

// chart is a picture over time, or a histogram.
type chart struct {
	Name string
	// About says in a sentence what it shows, for those who do not see it.
	About         string
	Width, Height int
	// Path is the line of a step function, if it is one.
	Path   string
	Lines  []rule
	Bars   []bar
	Labels []label
}

// rule is a thin straight line.
type rule struct{ X1, Y1, X2, Y2 int }

type label struct {
	X, Y   int
	Anchor string
	Text   string
}

type bar struct {
	X, Y, Width, Height int
	// Class is the colour.
	Class, Tip string
}

// point is a value of a step function, from 0 to 1, that holds from then on.
type point struct{ seconds, value float64 }

// axes lays out a chart over a time.
func axes(name, about, top, bottom string, end float64) chart {
	return chart{
		Name: clean(name), About: clean(about), Width: chartWidth, Height: chartDepth,
		Lines: []rule{{plotLeft, plotBottom, plotRight, plotBottom}, {plotLeft, plotTop, plotRight, plotTop}},
		Labels: []label{
			{plotLeft - 4, plotTop + 4, "end", top}, {plotLeft - 4, plotBottom + 3, "end", bottom},
			{plotLeft, chartDepth - 4, "start", "0"}, {plotRight, chartDepth - 4, "end", seconds(end)},
		},
	}
}

// across returns where a time is in a plot.
func across(at, end float64) int {
	if end <= 0 {
		return plotLeft
	}
	return plotLeft + int(math.Round(min(1, at/end)*(plotRight-plotLeft)))
}

func up(value float64) int { return plotBottom - int(math.Round(value*(plotBottom-plotTop))) }

// steps draws a step function. Of what falls into the same pixel it draws the lowest value
// and the last, so that a picture is small and still shows the floor.
func steps(points []point, end float64) string {
	if len(points) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%d %d", across(points[0].seconds, end), up(points[0].value))
	height := up(points[0].value)
	for i := 0; i < len(points); {
		x, lowest := across(points[i].seconds, end), points[i].value
		last := lowest
		for ; i < len(points) && across(points[i].seconds, end) == x; i++ {
			lowest, last = min(lowest, points[i].value), points[i].value
		}
		bottom, now := up(lowest), up(last)
		if bottom == height && now == height {
			continue
		}
		fmt.Fprintf(&b, "H%d", x)
		if bottom > height && bottom != now {
			fmt.Fprintf(&b, "V%d", bottom)
		}
		fmt.Fprintf(&b, "V%d", now)
		height = now
	}
	fmt.Fprintf(&b, "H%d", plotRight)
	return b.String()
}

// availability draws the worst workloads.
func (r *Report) availability() []chart {
	var list []chart
	for _, w := range r.Workloads {
		if len(list) == mostDrawn {
			break
		}
		if w.Floor == nil {
			continue
		}
		points := make([]point, len(w.Availability))
		for i, m := range w.Availability {
			points[i] = point{m.Seconds, m.Percent / 100}
		}
		about := fmt.Sprintf("%s at the worst moment, after %s", ready(*w.Floor), seconds(w.Floor.Seconds))
		c := axes(w.Workload, about, "100 %", "0", r.Run.Seconds)
		c.Path = steps(points, r.Run.Seconds)
		list = append(list, c)
	}
	return list
}

// allowances draws what the budgets with least to spare allowed.
func (r *Report) allowances() []chart {
	var list []chart
	for _, b := range r.Budgets {
		if len(list) == mostDrawn {
			break
		}
		most := 1
		for _, m := range b.Moments {
			most = max(most, m.Allowed)
		}
		points := make([]point, len(b.Moments))
		for i, m := range b.Moments {
			points[i] = point{m.Seconds, float64(m.Allowed) / float64(most)}
		}
		about := fmt.Sprintf("at least %s allowed", count(b.Allowed, "disruption"))
		if b.Broken {
			about += fmt.Sprintf("; broken for %s by %s", seconds(b.BrokenSeconds), b.By)
		}
		c := axes(b.Budget, about, fmt.Sprint(most), "0", r.Run.Seconds)
		c.Path = steps(points, r.Run.Seconds)
		for i, m := range b.Moments {
			if m.spare() >= 0 {
				continue
			}
			until := r.Run.Seconds
			if i+1 < len(b.Moments) {
				until = b.Moments[i+1].Seconds
			}
			x := across(m.Seconds, r.Run.Seconds)
			c.Bars = append(c.Bars, bar{
				X: x, Y: plotTop, Width: max(1, across(until, r.Run.Seconds)-x), Height: plotBottom - plotTop, Class: "broken",
				Tip: fmt.Sprintf("%d healthy of %d demanded", m.Healthy, m.Desired),
			})
		}
		list = append(list, c)
	}
	return list
}

// classes is the most bars of the histogram.
const classes = 12

// histogram draws how long recovery took; nothing where nothing was lost.
func (r *Report) histogram() []chart {
	all := r.Totals.Recovery
	if all.N+all.Unrecovered == 0 {
		return nil
	}
	width := 1.0
	if all.N > 0 {
		width = nice(all.sorted[all.N-1] / classes)
	}
	var counts [classes + 2]int
	for _, s := range all.sorted {
		counts[min(int(s/width), classes)]++
	}
	used, most := 1, 1
	for i, n := range counts {
		if n > 0 {
			used = i + 1
		}
		most = max(most, n, all.Unrecovered)
	}
	about := fmt.Sprintf("%s replaced, %d not by the end of the run", count(all.N, "pod"), all.Unrecovered)
	c := axes("Time to recover", about, fmt.Sprint(most), "0", width*float64(used))
	end := plotRight
	if all.Unrecovered > 0 {
		end -= 44 // for the bar of those
	}
	slot := (end - plotLeft) / used
	c.Labels[3] = label{plotLeft + slot*used, chartDepth - 4, "end", seconds(width * float64(used))}
	column := func(x, n int, class, tip string) {
		if n > 0 {
			height := max(1, n*(plotBottom-plotTop)/most)
			c.Bars = append(c.Bars, bar{X: x, Y: plotBottom - height, Width: max(1, min(slot, 40)-2), Height: height, Class: class, Tip: tip})
		}
	}
	for i, n := range counts[:used] {
		column(plotLeft+i*slot, n, "v2", fmt.Sprintf("%s to %s: %s", seconds(float64(i)*width), seconds(float64(i+1)*width), count(n, "pod")))
	}
	if all.Unrecovered > 0 {
		slot = 24
		column(plotRight-24, all.Unrecovered, "broken", fmt.Sprintf("not recovered: %s", count(all.Unrecovered, "pod")))
		c.Labels = append(c.Labels, label{plotRight, chartDepth - 4, "end", "never"})
	}
	return []chart{c}
}

// nice returns the next of 1, 2, 5, 10 … times a power of ten that is not smaller.
func nice(value float64) float64 {
	if value <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= value {
			return factor * power
		}
	}
	return 10 * power
}

// slots is how many bars the timeline has.
const slots = 73

// timeline draws when pods were lost and replaced, and when steps began; nothing where
// nothing happened.
func (r *Report) timeline() []chart {
	if len(r.losses) == 0 {
		return nil
	}
	began := r.Run.Began
	var drawn, others, replaced [slots]int
	slot := func(seconds float64) int {
		return min(slots-1, max(0, (across(seconds, r.Run.Seconds)-plotLeft)*slots/(plotRight-plotLeft)))
	}
	for _, l := range r.losses {
		at := slot(l.at.Sub(began).Seconds())
		if l.Drawn {
			drawn[at]++
		} else {
			others[at]++
		}
		if l.recovered != nil {
			replaced[slot(l.end.Sub(began).Seconds())]++
		}
	}
	most := 1
	for i := range slots {
		most = max(most, drawn[i]+others[i], replaced[i])
	}
	about := fmt.Sprintf("%d lost that the run chose, %d besides, %d replaced", r.Totals.Drawn, r.Totals.Others, r.Totals.Losses.Recovered)
	middle := (plotTop + plotBottom) / 2
	c := axes("Losses and replacements over time", about, fmt.Sprintf("%d lost", most), fmt.Sprint(most), r.Run.Seconds)
	c.Lines = append(c.Lines, rule{plotLeft, middle, plotRight, middle})
	width := (plotRight - plotLeft) / slots
	stack := func(i, from, n int, down bool, class, what string) {
		if n == 0 {
			return
		}
		unit := float64(middle-plotTop) / float64(most)
		near, far := int(math.Round(float64(from)*unit)), int(math.Round(float64(from+n)*unit))
		b := bar{X: plotLeft + i*(plotRight-plotLeft)/slots, Y: middle - far, Width: width, Height: max(1, far-near), Class: class, Tip: fmt.Sprintf("%s %s", count(n, "pod"), what)}
		if down {
			b.Y = middle + near
		}
		c.Bars = append(c.Bars, b)
	}
	for i := range slots {
		stack(i, 0, drawn[i], false, "v1", "lost that the run chose")
		stack(i, drawn[i], others[i], false, "v0", "lost besides")
		stack(i, 0, replaced[i], true, "v2", "replaced")
	}
	for i, s := range r.Steps {
		if i == mostDrawn {
			break
		}
		x := across(s.Seconds, r.Run.Seconds)
		c.Bars = append(c.Bars, bar{X: x, Y: 0, Width: 1, Height: plotBottom, Class: "step", Tip: fmt.Sprintf("step %d, %s, after %s", s.Step, clean(s.Name), seconds(s.Seconds))})
	}
	return []chart{c}
}
