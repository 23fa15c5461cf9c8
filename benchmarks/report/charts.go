package report

import (
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// eventColours are those of marks, by their order: first what was lost, then what came back.
var eventColours = []page.Colour{page.Alarm, page.Good, page.Quiet}

// bars compares subjects by a metric, in the cases that a function names, or in all.
func (r results) bars(title, unit, metric string, subjects []string, only func(string) (string, bool)) (page.Chart, bool) {
	b := &page.Bars{Unit: unit}
	var names []string
	for _, name := range figure.Cases(r.Figures) {
		shown, chosen := name, true
		if only != nil {
			shown, chosen = only(name)
		}
		has := slices.ContainsFunc(r.Figures, func(f figure.Figure) bool {
			return f.Case == name && f.Metric == metric && slices.Contains(subjects, f.Subject)
		})
		if chosen && has {
			names, b.Categories = append(names, name), append(b.Categories, shown)
		}
	}
	for _, subject := range subjects {
		s, any := page.BarSeries{Name: subject}, false
		for _, name := range names {
			f, has := r.find(name, subject, metric)
			v := page.Missing()
			if has {
				v, any = valueOf(f), true
			}
			s.Values = append(s.Values, v)
		}
		if any {
			b.Series = append(b.Series, s)
		}
	}
	return page.Chart{Title: title, Bars: b}, len(b.Series) > 0
}

// mostLines is how many lines can be told apart in a chart.
const mostLines = 6

// recorded returns the charts that the results have themselves. Where there are too many
// lines, variants are left to the tables.
func (r results) recorded() []page.Chart {
	lines := map[string]int{}
	for _, s := range r.Series {
		lines[s.Chart]++
	}
	series := slices.DeleteFunc(slices.Clone(r.Series), func(s figure.Series) bool { return lines[s.Chart] > mostLines && r.variant(s.Name) })
	var charts []page.Chart
	for _, title := range figure.Names(series, func(s figure.Series) string { return s.Chart }) {
		charts = append(charts, linesOf(title, series))
	}
	for _, title := range figure.Names(r.Grids, func(g figure.Grid) string { return g.Chart }) {
		h := &page.Heatmap{Each: "node"}
		for _, g := range r.Grids {
			if g.Chart == title {
				h.Unit = g.Unit
				h.Grids = append(h.Grids, page.Grid{Name: g.Name, Values: g.Values})
			}
		}
		charts = append(charts, page.Chart{Title: title, Wide: true, Heatmap: h})
	}
	return charts
}

// linesOf returns the chart of a title. What is along time holds until the next point.
func linesOf(title string, all []figure.Series) page.Chart {
	l := &page.Lines{}
	for _, s := range all {
		if s.Chart != title {
			continue
		}
		switch s.Kind {
		case figure.Events:
			e := page.Events{Name: s.Name, Colour: eventColours[min(len(l.Events), len(eventColours)-1)]}
			for _, p := range s.Points {
				e.At = append(e.At, p[0])
			}
			l.Events = append(l.Events, e)
		case figure.Windows:
			for _, p := range s.Points {
				l.Windows = append(l.Windows, page.Window{Name: s.Name, From: p[0], To: p[1]})
			}
		default:
			l.X, l.Y = axis(s.X), axis(s.Y)
			l.Step = s.X.Unit == "s"
			l.Series = append(l.Series, page.Line{Name: s.Name, Points: s.Points})
		}
	}
	if l.Y.Unit == "%" && !l.Y.Log {
		l.Y.To = percentOf(l.Series)
	}
	return page.Chart{Title: title, Wide: l.Step, Lines: l}
}

// percentOf returns where an axis of percentages ends: at 100 unless there is more, or all
// of it is little.
func percentOf(lines []page.Line) float64 {
	most := 0.0
	for _, l := range lines {
		for _, p := range l.Points {
			most = max(most, p[1])
		}
	}
	if most > 100 || most < 50 {
		return 0
	}
	return 100
}

func axis(a figure.Axis) page.Axis { return page.Axis{Label: a.Label, Unit: a.Unit, Log: a.Log} }
