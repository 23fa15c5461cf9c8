package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/page"
)

// scaleHeadlines are about how fast pods are placed on the full cluster.
func scaleHeadlines(r results) []Headline {
	for _, name := range figure.Cases(r.Figures) {
		f, has := r.find(name, stowage, "bound_per_s")
		if !has || !strings.HasPrefix(name, "schedule") {
			continue
		}
		what := "placed while pods churn"
		load := strings.Replace(name, "schedule", "load", 1)
		nodes, hasNodes := r.find(load, stowage, "nodes")
		pods, hasPods := r.find(load, stowage, "pods")
		if hasNodes && hasPods {
			what += fmt.Sprintf(", on %s nodes with %s pods", page.Number(nodes.Value), page.Number(pods.Value))
		}
		return []Headline{{Value: withUnit(math.Round(f.Value), "pods/s"), What: what + ", the control plane on the same machine"}}
	}
	return nil
}

// scaleGroups are whose processes there are, by the beginnings of their names.
var scaleGroups = []struct {
	name     string
	colour   page.Colour
	prefixes []string
}{
	{"Stowage", page.Own, []string{"stowage-scheduler", "stowage-descheduler", "stowage-chaos"}},
	{"control plane", "", []string{"etcd", "kube-"}},
	{"kube-scheduler's default profile", "", []string{subjects.Default}},
	{"fake nodes and watcher", "", []string{"kwok", "playground", "stowage-bench"}},
}

// scaleCharts show what the processes of Stowage's take beside the others'.
func scaleCharts(r results) []page.Chart {
	var charts []page.Chart
	for _, c := range []struct{ title, about, unit, metric string }{
		{"Processor time of each step", "", "s", "cpu_s"},
		{"Memory in each step", "The most resident memory of each process, added up.", "MiB", "peak_rss_mib"},
	} {
		b := &page.Bars{Unit: c.unit, Stacked: true}
		for _, name := range figure.Cases(r.Figures) {
			if slices.ContainsFunc(r.Figures, func(f figure.Figure) bool { return f.Case == name && f.Metric == c.metric }) {
				b.Categories = append(b.Categories, name)
			}
		}
		for _, g := range scaleGroups {
			s := page.BarSeries{Name: g.name, Colour: g.colour}
			for _, name := range b.Categories {
				sum := 0.0
				for _, f := range r.Figures {
					ours := slices.ContainsFunc(g.prefixes, func(prefix string) bool { return strings.HasPrefix(f.Subject, prefix) })
					if f.Case == name && f.Metric == c.metric && ours {
						sum += f.Value
					}
				}
				s.Values = append(s.Values, page.Exactly(math.Round(sum*10)/10))
			}
			b.Series = append(b.Series, s)
		}
		if len(b.Categories) > 0 {
			charts = append(charts, page.Chart{Title: c.title, About: c.about, Bars: b})
		}
	}
	return charts
}
