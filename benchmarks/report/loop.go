package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// Subjects that several benchmarks have.
const (
	stowage          = "stowage"
	mostAllocatedAll = "most-allocated-all"
	mostAllocated    = "most-allocated"
	defaultBatching  = "default-batching"
	upstream         = "default"
	exhaustive       = "exhaustive"
	ceiling          = "ceiling"
)

// shared are those in the order in which headlines list them and charts give them colours.
var shared = []string{stowage, mostAllocatedAll, mostAllocated, defaultBatching, upstream, exhaustive, ceiling}

// Metrics of the loop.
const (
	cpuPerPod  = "cpu_us_per_pod"
	nodesUsed  = "nodes_used"
	lowerBound = "lower_bound"
)

// loopCase is a case of the loop by its name, "plain/nodes=5000/fill=90".
type loopCase struct {
	workload    string
	nodes, fill int
}

func parseLoopCase(name string) (loopCase, bool) {
	parts := strings.Split(name, "/")
	if len(parts) != 3 {
		return loopCase{}, false
	}
	nodes, errNodes := strconv.Atoi(strings.TrimPrefix(parts[1], "nodes="))
	fill, errFill := strconv.Atoi(strings.TrimPrefix(parts[2], "fill="))
	return loopCase{parts[0], nodes, fill}, errNodes == nil && errFill == nil
}

// loopNodes is the size of cluster that headlines are about: the largest that Kubernetes
// supports.
const loopNodes = 5000

// loopHeadlines are about plain pods in an empty cluster, beside kube-scheduler set to pack as
// well as it can, and about how many nodes they take.
func loopHeadlines(r results) []Headline {
	var list []Headline
	name := loopCase{"plain", loopNodes, 0}.name()
	own, has := r.find(name, stowage, cpuPerPod)
	other, packs := r.find(name, mostAllocatedAll, cpuPerPod)
	whose := "kube-scheduler set to pack as well as it can"
	if !packs {
		other, packs = r.fastest(name, cpuPerPod)
		whose = "kube-scheduler's fastest setting, " + other.Subject
	}
	if has && packs {
		ratio := times(other, own)
		h := Headline{
			Value: ratio.String(), Noise: ratio.noise(), Rivals: r.rivals(name, cpuPerPod, "µs", shared...),
			What: fmt.Sprintf("less CPU time per pod than %s: plain pods, %s empty nodes", whose, page.Number(loopNodes)),
		}
		if low, high, n := r.loopRange(); n > 1 {
			h.What += fmt.Sprintf("; from %s to %s × less than whichever of its settings is the fastest, in all %d cases of that size", factor(low), factor(high), n)
		}
		list = append(list, h)
	}
	return append(list, r.nodesHeadline()...)
}

// loopRange returns the lowest and highest ratio to the fastest of the others, of all cases of
// the headlines' size.
func (r results) loopRange() (low, high float64, n int) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, name := range figure.Cases(r.Figures) {
		c, is := parseLoopCase(name)
		own, has := r.find(name, stowage, cpuPerPod)
		other, hasToo := r.fastest(name, cpuPerPod)
		if is && has && hasToo && c.nodes == loopNodes {
			v := times(other, own).value
			low, high, n = min(low, v), max(high, v), n+1
		}
	}
	return low, high, n
}

// nodesHeadline is about how many nodes the same pods take.
func (r results) nodesHeadline() []Headline {
	name := loopCase{"plain", loopNodes, 0}.name()
	own, has := r.find(name, stowage, nodesUsed)
	other, hasToo := r.find(name, upstream, nodesUsed)
	bound, hasBound := r.find(name, stowage, lowerBound)
	if !has || !hasToo || !hasBound {
		return nil
	}
	return []Headline{{
		Value:  page.Number(own.Value) + " nodes",
		What:   fmt.Sprintf("for pods that kube-scheduler's default profile spreads over %s; no placement needs fewer than %s", page.Number(other.Value), page.Number(bound.Value)),
		Rivals: r.rivals(name, nodesUsed, "", stowage, mostAllocatedAll, mostAllocated, upstream),
	}}
}

func loopCharts(r results) []page.Chart {
	var cases []loopCase
	for _, name := range figure.Cases(r.Figures) {
		if c, is := parseLoopCase(name); is {
			cases = append(cases, c)
		}
	}
	var charts []page.Chart
	if c, has := r.costBars(cases); has {
		charts = append(charts, c)
	}
	charts = append(charts, r.along(cases, "nodes", "by number of nodes", func(c loopCase) (float64, string) {
		if c.fill == 0 {
			return float64(c.nodes), c.workload
		}
		return float64(c.nodes), fmt.Sprintf("%s, %d %% full", c.workload, c.fill)
	})...)
	charts = append(charts, r.along(cases, "fill", "by percentage of nodes that are full", func(c loopCase) (float64, string) {
		return float64(c.fill), fmt.Sprintf("%s, %s nodes", c.workload, page.Number(float64(c.nodes)))
	})...)
	if c, has := r.bars("Nodes used for the same pods", "", nodesUsed, figure.Subjects(r.Figures), nil); has {
		charts = append(charts, c)
	}
	return charts
}

// name returns the case's name.
func (c loopCase) name() string {
	return fmt.Sprintf("%s/nodes=%d/fill=%d", c.workload, c.nodes, c.fill)
}

// costBars compares the costs of all workloads at the headlines' size, or the largest there is.
func (r results) costBars(cases []loopCase) (page.Chart, bool) {
	size := 0
	for _, c := range cases {
		if size = max(size, c.nodes); c.nodes == loopNodes {
			size = loopNodes
			break
		}
	}
	only := func(name string) (string, bool) {
		c, is := parseLoopCase(name)
		if !is || c.nodes != size {
			return "", false
		}
		if c.fill == 0 {
			return c.workload, true
		}
		return fmt.Sprintf("%s, %d %% full", c.workload, c.fill), true
	}
	c, has := r.bars(fmt.Sprintf("CPU time per pod, %s nodes", page.Number(float64(size))), "µs", cpuPerPod, r.compared(), only)
	c.Wide = true
	c.About = "Shorter is better. Whiskers are the lowest and the highest round."
	return c, has
}

// along returns a chart of costs along one quantity of the cases for each value of the
// others, where there are two points or more.
func (r results) along(cases []loopCase, label, by string, of func(loopCase) (x float64, rest string)) []page.Chart {
	var rests []string
	for _, c := range cases {
		if _, rest := of(c); !slices.Contains(rests, rest) {
			rests = append(rests, rest)
		}
	}
	var charts []page.Chart
	for _, rest := range rests {
		lines := &page.Lines{X: page.Axis{Label: label, Log: label == "nodes"}, Y: page.Axis{Label: "CPU time per pod", Unit: "µs", Log: true}}
		for _, subject := range figure.Subjects(r.Figures) {
			line := page.Line{Name: subject}
			for _, c := range cases {
				x, its := of(c)
				if f, has := r.find(c.name(), subject, cpuPerPod); has && its == rest {
					line.Points = append(line.Points, [2]float64{x, f.Value})
				}
			}
			slices.SortFunc(line.Points, func(a, b [2]float64) int { return int(a[0] - b[0]) })
			if len(line.Points) > 1 {
				lines.Series = append(lines.Series, line)
			}
		}
		if len(lines.Series) > 0 {
			charts = append(charts, page.Chart{Title: rest, About: "µs of CPU time per pod, " + by, Small: true, Lines: lines})
		}
	}
	return charts
}
