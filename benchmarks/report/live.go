package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// Metrics and subjects of the descheduler's benchmark.
const (
	evictions      = "evictions"
	leastEvictions = "evictions_lower_bound"
	useless        = "useless"
	peer           = "peer-nodefit"
)

// descheduleHeadlines are about evictions that were for nothing, in all cases together.
func descheduleHeadlines(r results) []Headline {
	own, other, evicted, cases := 0.0, 0.0, 0.0, 0
	for _, name := range figure.Cases(r.Figures) {
		a, has := r.find(name, stowage, useless)
		b, hasToo := r.find(name, peer, useless)
		e, hasEvictions := r.find(name, stowage, evictions)
		if has && hasToo && hasEvictions {
			own, other, evicted, cases = own+a.Value, other+b.Value, evicted+e.Value, cases+1
		}
	}
	if cases == 0 {
		return nil
	}
	return []Headline{{
		Value:  page.Number(own),
		What:   fmt.Sprintf("useless evictions, of %s, in %d kinds of skew: of pods that end up no better than before", page.Number(evicted), cases),
		Rivals: []Rival{{stowage, own, page.Number(own)}, {r.peer(), other, page.Number(other)}},
	}}
}

// peer names the upstream descheduler, with its version.
func (r results) peer() string {
	for _, s := range r.Subjects {
		if s.Name == peer {
			return "Kubernetes " + s.Version
		}
	}
	return "Kubernetes descheduler"
}

func descheduleCharts(r results) []page.Chart {
	var charts []page.Chart
	measured := func(name string) (string, bool) {
		_, has := r.find(name, stowage, evictions)
		return name, has && !strings.HasPrefix(name, "plan")
	}
	if c, has := r.bars("Evictions", "", evictions, figure.Subjects(r.Figures), measured); has {
		least := page.BarSeries{Name: "the least that it takes", Colour: page.Quiet}
		for _, name := range c.Bars.Categories {
			v := page.Missing()
			if f, has := r.find(name, stowage, leastEvictions); has {
				v = page.Exactly(f.Value)
			}
			least.Values = append(least.Values, v)
		}
		c.Bars.Series = append(c.Bars.Series, least)
		c.About = "Shorter is better."
		charts = append(charts, c)
	}
	if c, has := r.bars("Useless evictions", "", useless, figure.Subjects(r.Figures), measured); has {
		c.About = "Of pods whose replacements are no better placed. None is best."
		charts = append(charts, c)
	}
	return charts
}

// chaosHeadlines are about budgets, and about predictions.
func chaosHeadlines(r results) []Headline {
	const violations, accuracy = "budget_violations", "prediction_accuracy_pct"
	broken, evicted, control := 0.0, 0.0, 0.0
	worst, cases := math.Inf(1), 0
	for _, name := range figure.Cases(r.Figures) {
		if f, has := r.find(name, stowage, violations); has {
			broken += f.Value
			if e, has := r.find(name, stowage, evictions); has {
				evicted += e.Value
			}
		}
		if f, has := r.find(name, stowage, "control_violations"); has {
			control += f.Value
		}
		if f, has := r.find(name, stowage, accuracy); has {
			worst, cases = min(worst, f.Value), cases+1
		}
	}
	var list []Headline
	if evicted > 0 {
		what := fmt.Sprintf("disruption budgets broken by %s evictions of the chaos tool, as a watcher of its own saw it", page.Number(evicted))
		if control > 0 {
			what += fmt.Sprintf("; of a run that ignores budgets it saw %s", page.Number(control))
		}
		list = append(list, Headline{Value: page.Number(broken), What: what})
	}
	if cases > 0 {
		what := "of what chaos predicted came true"
		if cases > 1 {
			what += fmt.Sprintf(", in the worst of %d losses of nodes and zones", cases)
		}
		list = append(list, Headline{Value: withUnit(worst, "%"), What: what})
	}
	return list
}
