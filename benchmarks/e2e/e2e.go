// Package e2e measures how fast pods get their nodes on a real control plane: upstream's
// scheduler_perf with workloads of our own, each run in a process of its own, and beside
// the subjects the ceiling, a scheduler that does not look.
package e2e

import (
	"context"
	"fmt"
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Metrics of figures.
const (
	podsPerSecond  = "pods_per_s"
	shareOfCeiling = "share_of_ceiling_percent"
	timesFastest   = "times_fastest"
	attemptMean    = "attempt_mean_ms"
	attemptP50     = "attempt_p50_ms"
	attemptP99     = "attempt_p99_ms"
	schedulerCPU   = "scheduler_cpu_s_per_1000_pods"
	processCPU     = "process_cpu_s_per_1000_pods"
	refused        = "refused_per_1000_pods"
	ownRefused     = "own_refused_per_1000_pods"
)

// Options say how to measure.
type Options struct {
	// Rounds is how often each subject runs each case.
	Rounds int
	// Harness is the program that runs do, built by hack/e2e.sh; "" is where that leaves it.
	Harness string
	// LogDir is the folder for logs and CPU profiles, if they are to be kept.
	LogDir string
	// Progress is told what is being done.
	Progress func(string)
	// Finished is told the figures so far, after each case.
	Finished func([]figure.Figure) error
}

// Run measures the comparisons one after the other. Those that were finished are returned
// with an error as well.
func Run(ctx context.Context, comparisons []Comparison, subjects []Subject, opts Options) ([]figure.Figure, error) {
	var programs programs
	if slices.ContainsFunc(comparisons, func(c Comparison) bool { return c.Case.beside == "" }) {
		var err error
		if programs, err = find(opts.Harness); err != nil {
			return nil, err
		}
	}
	var all []figure.Figure
	runs, run := 0, 0
	for _, c := range comparisons {
		runs += len(c.Compared(subjects)) * opts.Rounds
	}
	for _, c := range comparisons {
		compared, samples := c.Compared(subjects), map[string][]sample{}
		for round := range opts.Rounds {
			for i := range compared {
				// Subjects take turns, and another is first in each round.
				s := compared[(round+i)%len(compared)]
				run++
				here := fmt.Sprintf("run %d of %d: %s: %s: ", run, runs, c, s.Name)
				opts.Progress(here + "starting")
				measured, err := programs.measure(ctx, c, s, opts.LogDir, func(doing string) { opts.Progress(here + doing) })
				if err != nil {
					return all, fmt.Errorf("%s: %s: %w", c, s.Name, err)
				}
				samples[s.Name] = append(samples[s.Name], measured)
			}
		}
		for _, s := range compared {
			all = append(all, c.figures(s.Name, samples)...)
		}
		if err := opts.Finished(all); err != nil {
			return all, err
		}
	}
	return all, nil
}

// figures returns what the rounds of a subject have measured, and how it compares with
// others in the same rounds.
func (c Comparison) figures(subject string, samples map[string][]sample) []figure.Figure {
	thousands := float64(c.Measured()) / 1000
	own := samples[subject]
	var all []figure.Figure
	add := func(metric, unit string, better figure.Direction, digits int, of func(round int) float64) {
		var values []float64
		for round := range own {
			values = append(values, of(round))
		}
		f := figure.Figure{Case: c.String(), Subject: subject, Metric: metric, Unit: unit, Better: better}
		all = append(all, f.Of(values...).Rounded(digits))
	}
	add(podsPerSecond, "pods/s", figure.Higher, 0, func(i int) float64 { return own[i].podsPerSecond })
	if c.Case.beside != "" {
		add(refused, "pods", figure.Lower, 1, func(i int) float64 { return perThousand(own[i].beside.Own, own[i].beside.Other) })
		add(ownRefused, "pods", figure.Lower, 1, func(i int) float64 { return perThousand(own[i].beside.Own) })
		return all
	}
	add(attemptMean, "ms", figure.Lower, 3, func(i int) float64 { return own[i].attemptMean })
	add(attemptP50, "ms", figure.Lower, 2, func(i int) float64 { return own[i].attemptP50 })
	add(attemptP99, "ms", figure.Lower, 2, func(i int) float64 { return own[i].attemptP99 })
	add(schedulerCPU, "s", figure.Lower, 3, func(i int) float64 { return own[i].schedulerCPU / thousands })
	add(processCPU, "s", figure.Lower, 3, func(i int) float64 { return own[i].processCPU / thousands })
	if most := samples[ceiling]; len(most) > 0 && subject != ceiling {
		add(shareOfCeiling, "%", figure.Higher, 1, func(i int) float64 { return 100 * own[i].podsPerSecond / most[i].podsPerSecond })
	}
	if theirs := fastest(samples); len(theirs) > 0 {
		add(timesFastest, "×", figure.Higher, 2, func(i int) float64 { return own[i].podsPerSecond / theirs[i] })
	}
	return all
}

// fastest returns, for each round, the pods per second of whichever of kube-scheduler's
// settings was the fastest; nothing where none was measured.
func fastest(samples map[string][]sample) []float64 {
	var most []float64
	for subject, rounds := range samples {
		if subject == stowage || subject == ceiling {
			continue
		}
		most = append(most, make([]float64, len(rounds)-len(most))...)
		for i, s := range rounds {
			most[i] = max(most[i], s.podsPerSecond)
		}
	}
	return most
}
