package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// scalingHeadlines are about by which power of the number of nodes the cost of a plain pod
// grows.
func scalingHeadlines(r results) []Headline {
	const metric = "exponent"
	for _, name := range figure.Cases(r.Figures) {
		own, has := r.find(name, stowage, metric)
		if !has || !strings.HasPrefix(name, "plain/") {
			continue
		}
		most := 0
		for _, other := range figure.Cases(r.Figures) {
			if c, is := parseLoopCase(other); is {
				most = max(most, c.nodes)
			}
		}
		return []Headline{{
			Value: "n^" + page.Number(own.Value), Noise: noise(own, ""), Rivals: r.rivals(name, metric, "", shared...),
			What: fmt.Sprintf("is how the CPU time of a plain pod changes with the number of nodes n, up to %s nodes", page.Number(float64(most))),
		}}
	}
	return nil
}

// Metrics of the end-to-end benchmark.
const (
	podsPerSecond  = "pods_per_s"
	shareOfCeiling = "share_of_ceiling_percent"
	schedulerCPU   = "scheduler_cpu_s_per_1000_pods"
)

// e2eHeadlines are about plain pods, and the case in which kube-scheduler is slowest, on the
// largest cluster that was measured.
func e2eHeadlines(r results) []Headline {
	var list []Headline
	add := func(name string) {
		own, has := r.find(name, stowage, podsPerSecond)
		other, hasToo := r.fastest(name, podsPerSecond)
		if !has || !hasToo {
			return
		}
		ratio := times(own, other)
		list = append(list, Headline{
			Value: ratio.String(), Noise: ratio.noise(), Rivals: r.rivals(name, podsPerSecond, "pods/s", shared...),
			What: fmt.Sprintf("the throughput of kube-scheduler's fastest setting, %s, on a real control plane: %s", other.Subject, name),
		})
	}
	names := r.largest()
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "plain/") }); i >= 0 {
		add(names[i])
	}
	if i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "pod-affinity/") }); i >= 0 {
		add(names[i])
	}
	worst, where := math.Inf(1), ""
	for _, name := range figure.Cases(r.Figures) {
		if f, has := r.find(name, stowage, shareOfCeiling); has && f.Value < worst {
			worst, where = f.Value, name
		}
	}
	if where != "" {
		f, _ := r.find(where, stowage, shareOfCeiling)
		list = append(list, Headline{
			Value: withUnit(worst, "%"), Noise: noise(f, "%"), Rivals: r.rivals(where, podsPerSecond, "pods/s", shared...),
			What: "or more of what a scheduler reaches that binds round robin without looking; least in " + where,
		})
	}
	return list
}

// largest returns the cases that are of the most nodes.
func (r results) largest() []string {
	most := 0
	nodes := map[string]int{}
	for _, name := range figure.Cases(r.Figures) {
		for part := range strings.SplitSeq(name, "/") {
			var n int
			if _, err := fmt.Sscanf(part, "nodes=%d", &n); err == nil {
				nodes[name], most = n, max(most, n)
			}
		}
	}
	return slices.DeleteFunc(figure.Cases(r.Figures), func(name string) bool { return nodes[name] != most })
}

func e2eCharts(r results) []page.Chart {
	var charts []page.Chart
	for _, c := range []struct{ title, about, unit, metric string }{
		{"Pods placed per second", "Longer is better.", "pods/s", podsPerSecond},
		{"CPU time of the scheduler per 1,000 pods", "Shorter is better.", "s", schedulerCPU},
	} {
		if chart, has := r.bars(c.title, c.unit, c.metric, figure.Subjects(r.Figures), nil); has {
			chart.About = c.about + " Whiskers are the lowest and the highest round."
			charts = append(charts, chart)
		}
	}
	return charts
}
