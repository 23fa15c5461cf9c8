// Package scaling measures how what the scheduler takes grows with the cluster, up to
// sizes that no control plane on one machine has: the CPU time of placing a pod and the
// exponent by which it grows, what the first pod costs, and memory. The clusters are
// those of package loop, in memory.
package scaling

import (
	"context"
	"fmt"
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

var (
	// NodeCounts are the sizes of clusters.
	NodeCounts = []int{1000, 3000, 10_000, 30_000, 100_000}
	// Workloads are the names of those that are measured, and Subjects who is.
	Workloads = []string{"plain", "mixed", "zone-affinity", "hostname-anti-affinity"}
	Subjects  = []string{stowage, subjects.DefaultBatching, subjects.MostAllocatedAll, exhaustive}
)

// oneByOne are the subjects that look at all nodes. They are compared in clusters of up to
// oneByOneNodes: one pod takes 30 ms there.
var oneByOne = []string{subjects.MostAllocatedAll, exhaustive}

const (
	stowage       = subjects.Stowage
	exhaustive    = "exhaustive"
	oneByOneNodes = 10_000
	// quickNodes is how many nodes a quick run has at most.
	quickNodes = 30_000
	// nearlyFull is how many percent of the nodes are full where it is not none.
	nearlyFull = 90
)

// Notes are to be read with the figures.
var Notes = slices.Concat(loop.Notes, []string{
	"This is the scheduler's own loop on one core, without an API server: no control plane on one machine has clusters of these sizes.",
	"Pods of one app share their specification in memory, so that a million of them fit. What the scheduler is said to keep is without nodes and pods.",
	"A power law fits mixed badly: a pod costs a constant and something for each node, so between the largest sizes it costs nearly as many times more as there are more nodes.",
})

// Choice is what to measure.
type Choice struct {
	Workloads, Subjects []string
	Nodes               []int
	// emptyOnly leaves out clusters that are nearly full.
	emptyOnly bool
}

// Quick returns the part of a choice that takes two minutes.
func (c Choice) Quick() Choice {
	without := func(names []string, left ...string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(left, name) })
	}
	return Choice{
		Workloads: without(c.Workloads, "hostname-anti-affinity"),
		Subjects:  without(c.Subjects, oneByOne...),
		Nodes:     slices.DeleteFunc(slices.Clone(c.Nodes), func(n int) bool { return n > quickNodes }),
		emptyOnly: true,
	}
}

// line is the same cluster at different sizes.
type line struct {
	workload loop.Workload
	fill     int
}

// String returns the name of the line, "plain/fill=90".
func (l line) String() string {
	return fmt.Sprintf("%s/fill=%d", l.workload.Name, l.fill)
}

// at returns the case of that size.
func (l line) at(nodes int) loop.Case {
	return loop.Case{Workload: l.workload, Nodes: nodes, Fill: l.fill}
}

// lines returns those of the workloads. In clusters of pods that look at other pods, or
// are of many sizes, no node is empty, so there is one of each.
func (c Choice) lines() []line {
	var lines []line
	for _, w := range loop.Workloads() {
		if !slices.Contains(c.Workloads, w.Name) {
			continue
		}
		lines = append(lines, line{w, 0})
		if w.Name == "plain" && !c.emptyOnly {
			lines = append(lines, line{w, nearlyFull})
		}
	}
	return lines
}

// Comparisons returns what is to be measured, the smallest clusters first.
func (c Choice) Comparisons() []loop.Comparison {
	var comparisons []loop.Comparison
	for _, nodes := range c.Nodes {
		compared := slices.DeleteFunc(loop.Subjects(), func(s loop.Subject) bool {
			return !slices.Contains(c.Subjects, s.Name) || slices.Contains(oneByOne, s.Name) && nodes > oneByOneNodes
		})
		if len(compared) == 0 {
			continue
		}
		for _, l := range c.lines() {
			comparisons = append(comparisons, loop.Comparison{
				Case: l.at(nodes), Subjects: compared, Footprint: true,
			})
		}
	}
	return comparisons
}

// Run measures what was chosen. After each case, finished is given all figures so far, and
// what follows from them.
func Run(ctx context.Context, choice Choice, opts loop.Options, finished func([]figure.Figure, []figure.Series) error) error {
	objects, err := objectFigures()
	if err != nil {
		return err
	}
	opts.Finished = func(figures []figure.Figure) error {
		return finished(slices.Concat(figures, choice.exponents(figures), choice.memory(figures), objects), choice.series(figures))
	}
	_, err = loop.Run(ctx, choice.Comparisons(), opts)
	return err
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	described := slices.DeleteFunc(loop.Described(), func(s figure.Subject) bool { return !slices.Contains(Subjects, s.Name) })
	version := "Kubernetes " + figure.Here().Kubernetes
	return append(described,
		figure.Subject{Name: informer, Version: version, Settings: "objects as the API server sends them, decoded, as kube-scheduler's informers keep them: pods without managed fields"},
		figure.Subject{Name: trimming, Version: version, Settings: "the same as stowage-scheduler's informers keep them: without what no decision looks at, and with what pods of a controller have in common kept once"})
}
