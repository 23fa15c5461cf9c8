package report

import (
	"fmt"
	"math"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// packingHeadlines are about how close the shipped strategy comes to the best of all, and
// how many nodes it takes meanwhile.
func packingHeadlines(r results) []Headline {
	const allocated, overBound = "allocated", "nodes_used_over_bound"
	gap, where, best, cases := math.Inf(-1), "", figure.Figure{}, 0
	for _, name := range figure.Cases(r.Figures) {
		own, has := r.find(name, stowage, allocated)
		if !has {
			continue
		}
		cases++
		for _, subject := range figure.Subjects(r.Figures) {
			if f, has := r.find(name, subject, allocated); has && subject != stowage && f.Value-own.Value > gap {
				gap, where, best = f.Value-own.Value, name, f
			}
		}
	}
	if where == "" {
		return nil
	}
	h := Headline{
		Value:  fmt.Sprintf("%.1f points", max(0, gap)),
		What:   fmt.Sprintf("at most below the best of all strategies compared, in how much of the cluster is allocated at the end, in %d workloads; most in %s, against %s", cases, where, best.Subject),
		Rivals: r.rivals(where, allocated, "%", stowage, best.Subject),
	}
	if gap <= 0 {
		h.What = fmt.Sprintf("below the best: no strategy compared allocates more of the cluster in any of %d workloads; closest in %s is %s", cases, where, best.Subject)
	}
	list := []Headline{h}
	for _, name := range figure.Cases(r.Figures) {
		if own, has := r.find(name, stowage, overBound); has {
			return append(list, Headline{
				Value: page.Number(own.Value) + " ×", Noise: noise(own, "×"), Rivals: r.rivals(name, overBound, "×", r.compared()...),
				What: "the least number of nodes that could hold the same pods, when half of the capacity is asked for: " + name,
			})
		}
	}
	return list
}

func packingCharts(r results) []page.Chart {
	var charts []page.Chart
	for _, c := range []struct{ title, about, unit, metric string }{
		{"Allocated at the end", "Longer is better. Strategies of Stowage's other than the shipped one are in the table.", "%", "allocated"},
		{"Nodes used, over the least that could hold the pods", "Shorter is better; 1 is the least.", "×", "nodes_used_over_bound"},
	} {
		if chart, has := r.bars(c.title, c.unit, c.metric, r.compared(), nil); has {
			chart.About = c.about
			charts = append(charts, chart)
		}
	}
	return charts
}
