package report

import (
	"fmt"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// shortcomings are what is missing, and what benchmarks say of themselves.
func (r *Report) shortcomings() []string {
	var list []string
	for _, name := range r.Missing {
		b, _ := known(name)
		list = append(list, fmt.Sprintf("%s: there are no results; make bench-%s measures it.", b.title, name))
	}
	for _, why := range r.Skipped {
		list = append(list, "A file was left out: "+why+".")
	}
	for _, one := range r.Results {
		b, _ := known(one.Benchmark)
		for _, note := range one.Notes {
			list = append(list, b.title+": "+note)
		}
	}
	return list
}

// rivalsAhead lists where somebody else did better than Stowage, by more than the rounds
// vary. Ceilings are nobody's doing, and variants are Stowage too.
func (r *Report) rivalsAhead() (page.Section, bool) {
	t := page.Table{Title: "The comparisons", Header: []string{"benchmark", "case", "figure", stowage, "better", "who"}}
	figures := 0
	for _, one := range r.Results {
		all := results{one}
		for _, f := range one.Figures {
			if f.Subject != stowage || f.Better == "" {
				continue
			}
			figures++
			if best, has := all.ahead(f); has {
				t.Rows = append(t.Rows, []string{one.Benchmark, f.Case, metric{name: f.Metric, unit: f.Unit}.title(), page.Number(f.Value), page.Number(best.Value), best.Subject})
			}
		}
	}
	if len(t.Rows) == 0 {
		return page.Section{}, false
	}
	t.Folded = len(t.Rows) > 3*mostOpen
	return page.Section{
		Title:  "Where others do better",
		Text:   []string{fmt.Sprintf("In %d of %d comparisons another subject did better, by more than the rounds vary.", len(t.Rows), figures)},
		Tables: []page.Table{t},
	}, true
}

// ahead returns the best figure of another subject in the same case, if it is better than
// this one beyond the noise of both.
func (r results) ahead(own figure.Figure) (best figure.Figure, has bool) {
	for _, f := range r.Figures {
		other := f.Case == own.Case && f.Metric == own.Metric && f.Subject != stowage && f.Subject != ceiling
		if !other || r.variant(f.Subject) || !better(f, own) {
			continue
		}
		if !has || (f.Value < best.Value) == (own.Better == figure.Lower) {
			best, has = f, true
		}
	}
	return best, has
}

// better says whether a is better than b, in every round.
func better(a, b figure.Figure) bool {
	lowA, highA := rangeOf(a)
	lowB, highB := rangeOf(b)
	if b.Better == figure.Lower {
		return highA < lowB
	}
	return lowA > highB
}

func rangeOf(f figure.Figure) (low, high float64) {
	if len(f.Samples) < 2 {
		return f.Value, f.Value
	}
	return f.Min, f.Max
}
