// Package loop measures what scheduling one pod costs: CPU time and allocations of
// the scheduler's own loop, on one core, over a cluster in memory. What is around
// the loop is left out: no API server, no event recorded, and binding does nothing.
package loop

import (
	"context"
	"fmt"
	"io"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// Notes are to be read with the figures.
var Notes = []string{
	"kube-scheduler keeps the scores of a search for half a second, and goes by them as long as pods come that are signed alike (opportunistic batching, beta, on by default). " +
		"A round begins with a search, which all of its pods share: 128 at most in plain, 2,000 in job. Where more come within half a second it costs less per pod than here, where fewer do, more.",
	"What it costs to sign a pod, which happens when the pod comes into the queue, is not measured.",
}

// NodeCounts and Fills are the clusters that cases are about: how many nodes they
// have, and how many percent of these are full.
var (
	NodeCounts = []int{1000, 5000, 15_000}
	Fills      = []int{0, 50, 90, 98}
)

const (
	// packedPods is how many pods the nodes used are counted for: on the nodes of
	// scenarios, 52 nodes' worth. A quick run does with 21 nodes' worth.
	packedPods      = 3300
	quickPackedPods = 1300
	quickNodes      = 5000
)

// quickFills are the fills of a quick run's plain pods, of one app or many; the other
// workloads have the first only.
var quickFills = []int{0, 90, 98}

// Case is a cluster and what arrives there.
type Case struct {
	Workload Workload
	// Nodes is how many nodes there are, Fill how many percent of them are full.
	Nodes, Fill int
}

// Pods returns how many pods are on nodes before any arrives.
func (c Case) Pods() int {
	full := c.Nodes * c.Fill / 100
	pods := full * podsBefore
	switch {
	case c.Workload.social:
		pods += (c.Nodes - full) * podsBefore
	case c.Workload.varied:
		pods += (c.Nodes - full) * variedBefore
	case c.Workload.claims == limited:
		pods += (c.Nodes - full) / 2 * fewVolumes
	}
	return pods
}

// String returns the name of the case, "plain/nodes=5000/fill=0".
func (c Case) String() string {
	return fmt.Sprintf("%s/nodes=%d/fill=%d", c.Workload.Name, c.Nodes, c.Fill)
}

// Comparison is a case, and who is compared there.
type Comparison struct {
	Case     Case
	Subjects []Subject
	// Packed is how many pods the nodes used are counted for, 0 for not at all.
	Packed int
	// Footprint says whether to measure what the first pod costs, and the memory.
	Footprint bool
}

// Full returns the comparisons of all subjects in each case that they are for. Without fills
// each workload has its own.
func Full(workloads []Workload, subjects []Subject, nodes, fills []int) []Comparison {
	var comparisons []Comparison
	for _, w := range workloads {
		own, compared := fills, w.compared(subjects)
		if len(own) == 0 {
			own = w.fills()
		}
		if len(compared) == 0 {
			continue
		}
		for _, n := range nodes {
			for _, fill := range own {
				comparisons = append(comparisons, newComparison(Case{w, n, fill}, compared, packedPods))
			}
		}
	}
	return comparisons
}

// Quick returns a choice of comparisons that takes minutes. Stowage's looking at all nodes is
// compared with plain pods only: with others it takes longest. So is kube-scheduler's packing
// on a sample.
func Quick(workloads []Workload, all []Subject) []Comparison {
	var comparisons []Comparison
	for _, w := range workloads {
		fills, compared := quickFills, w.compared(all)
		if w.Name != plain {
			compared = w.compared(all, exhaustive, subjects.MostAllocated)
		}
		if w.Name != plain && w.Name != job {
			fills = quickFills[:1]
		}
		if len(compared) == 0 {
			continue
		}
		for _, fill := range fills {
			comparisons = append(comparisons, newComparison(Case{w, quickNodes, fill}, compared, quickPackedPods))
		}
	}
	return comparisons
}

// newComparison counts the nodes used where nothing but packing decides: plain pods
// in an empty cluster.
func newComparison(c Case, subjects []Subject, packed int) Comparison {
	if c.Workload.Name != plain || c.Fill != 0 {
		packed = 0
	}
	return Comparison{Case: c, Subjects: subjects, Packed: packed}
}

// Options say how to measure.
type Options struct {
	// Rounds is how many batches of pods each subject schedules.
	Rounds int
	// Seed chooses which nodes are full, labelled and tainted.
	Seed uint64
	// Profile receives a CPU profile of the rounds, if it is not nil. It takes one
	// comparison. Samples of a subject's loop have the label "subject".
	Profile io.Writer
	// Progress is told what is being done.
	Progress func(Progress)
	// Finished is called after each case with all figures so far, if it is not nil.
	Finished func([]figure.Figure) error
}

// Progress is how far a run has got.
type Progress struct {
	// Number is that of the case, from 1 to Cases.
	Number, Cases int
	Case          Case
	Subject       string
	// Doing says what the subject does.
	Doing string
}

// String says it in one line.
func (p Progress) String() string {
	return fmt.Sprintf("case %d of %d: %s: %s: %s", p.Number, p.Cases, p.Case, p.Subject, p.Doing)
}

// Run measures the comparisons one after the other.
func Run(ctx context.Context, comparisons []Comparison, opts Options) ([]figure.Figure, error) {
	var all []figure.Figure
	for i, c := range comparisons {
		figures, err := c.measure(ctx, opts, func(subject, doing string) {
			opts.Progress(Progress{Number: i + 1, Cases: len(comparisons), Case: c.Case, Subject: subject, Doing: doing})
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Case, err)
		}
		all = append(all, figures...)
		if opts.Finished != nil {
			if err := opts.Finished(all); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}
