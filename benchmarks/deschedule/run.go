package deschedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// Comparison is a case at a number of nodes.
type Comparison struct {
	Case  Case
	Nodes int
}

// String is the comparison's name in results.
func (c Comparison) String() string { return c.Case.name(c.Nodes) }

// quickNodes is the number of nodes of Quick.
const quickNodes = 200

// Quick returns every case at 200 nodes; QuickSubjects are for it. The upstream descheduler
// evicts ten pods a second, one by one, so both of its subjects would take too long.
func Quick(cases []Case) []Comparison {
	var comparisons []Comparison
	for _, c := range cases {
		comparisons = append(comparisons, Comparison{c, quickNodes})
	}
	return comparisons
}

// Full returns the cases at those of their sizes that are in the list, the smaller first.
func Full(cases []Case, sizes []int) []Comparison {
	var comparisons []Comparison
	for _, c := range cases {
		for _, nodes := range c.Sizes {
			if slices.Contains(sizes, nodes) {
				comparisons = append(comparisons, Comparison{c, nodes})
			}
		}
	}
	slices.SortStableFunc(comparisons, func(a, b Comparison) int { return cmp.Compare(a.Nodes, b.Nodes) })
	return comparisons
}

// Options say how to run comparisons.
type Options struct {
	// Seed chooses the sizes of pods.
	Seed uint64
	// LogDir takes what the subjects write, a file for each run; nobody does where it is
	// empty.
	LogDir string
	// Progress is shown where the run is; Note is told what is to stay on the screen.
	Progress, Note func(string)
	// Grids gets how full the nodes were before and after a run, as soon as it is known.
	Grids func(before, after figure.Grid)
	// Finished gets all figures so far, after each comparison.
	Finished func([]figure.Figure) error
}

// runner runs comparisons.
type runner struct {
	opts     Options
	subjects []Subject
	// dir holds what subjects read.
	dir string
	// bench is where comparisons run, once one has needed it.
	bench   *bench
	figures []figure.Figure
	// step and steps say where the run is.
	step, steps int
}

// Run runs every subject in every comparison and returns the figures. What goes wrong
// with one does not keep the others from being measured; it is in the error.
func Run(ctx context.Context, comparisons []Comparison, subjects []Subject, opts Options) ([]figure.Figure, error) {
	if err := check(comparisons, subjects); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &runner{opts: opts, subjects: subjects, dir: dir}
	defer func() { r.bench.stop() }()
	for _, c := range comparisons {
		r.steps += len(c.subjects(subjects))
	}
	var errs []error
	for _, c := range comparisons {
		errs = append(errs, r.compare(ctx, c))
		if ctx.Err() != nil {
			return r.figures, context.Cause(ctx)
		}
		if err := opts.Finished(r.figures); err != nil {
			return r.figures, err
		}
	}
	return r.figures, errors.Join(errs...)
}

// subjects returns those that can take part.
func (c Comparison) subjects(all []Subject) []Subject {
	return slices.DeleteFunc(slices.Clone(all), func(s Subject) bool {
		return c.Case.recorded() && !s.ours || s.evicts && !c.Case.standIns
	})
}

// check looks for the programs of the subjects before anything is started.
func check(comparisons []Comparison, subjects []Subject) error {
	if !slices.ContainsFunc(comparisons, func(c Comparison) bool { return len(c.subjects(subjects)) > 0 }) {
		return exit.Refuse(fmt.Errorf("no subject takes part in any of the cases: %s and %s are for stowage only, and stowage-evict is for no-downtime only", planCase, planDefaultCase))
	}
	for _, s := range subjects {
		if _, err := s.binary(); err != nil {
			return err
		}
	}
	return nil
}

// compare runs the subjects in one comparison.
func (r *runner) compare(ctx context.Context, c Comparison) error {
	var errs []error
	for _, s := range c.subjects(r.subjects) {
		r.step++
		title := fmt.Sprintf("%d of %d: %s, %s", r.step, r.steps, c, s.Name)
		show := func(status string) { r.opts.Progress(title + ": " + status) }
		figures, err := r.measure(ctx, c, s, show)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			err = fmt.Errorf("%s, %s: %w", c, s.Name, err)
			r.opts.Note(err.Error())
			errs = append(errs, err)
			continue
		}
		r.figures = append(r.figures, figures...)
		r.opts.Note(title + ": " + summary(figures))
	}
	return errors.Join(errs...)
}

// measure runs one subject in one comparison.
func (r *runner) measure(ctx context.Context, c Comparison, s Subject, show func(string)) ([]figure.Figure, error) {
	policyFile := filepath.Join(r.dir, "policy.yaml")
	if err := os.WriteFile(policyFile, []byte(c.Case.policy(s)), 0o600); err != nil {
		return nil, err
	}
	if c.Case.recorded() {
		return r.plan(ctx, c, s, policyFile, show)
	}
	if r.bench == nil || r.bench.nodes != c.Nodes || r.bench.broken {
		r.bench.stop()
		var err error
		if r.bench, err = startBench(ctx, c.Nodes, r.dir, show); err != nil {
			return nil, err
		}
	}
	return r.bench.measure(trial{Comparison: c, subject: s, policyFile: policyFile, opts: r.opts, show: show})
}
