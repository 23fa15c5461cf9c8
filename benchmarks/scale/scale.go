// Package scale measures the whole product at the size that Kubernetes is made for: 5,000
// nodes, 150,000 pods and 300,000 containers on a real control plane, all on one machine.
// What the scheduler, the descheduler and chaos take stands beside what the control plane
// takes.
package scale

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Size says how much is measured.
type Size struct {
	Nodes, Pods int
	// Idle is how long the cluster is looked at while nothing happens.
	Idle time.Duration
	// Rounds is how many times a decision is made.
	Rounds int
	// Realistic says that pods and nodes are as large as those of clusters: two containers with ten
	// variables each, fifty images, managed fields.
	Realistic bool
}

// Full is the size that the figures are published for, and Quick one of three minutes.
var (
	Full  = Size{Nodes: 5000, Pods: 150_000, Idle: 30 * time.Second, Rounds: 3}
	Quick = Size{Nodes: 300, Pods: 9000, Idle: 5 * time.Second, Rounds: 1}
)

// LeastNodes is how many nodes there are at least. With more pods for a node than the most,
// those of a zone would not fit on the others.
const (
	LeastNodes       = 30
	LeastPodsPerNode = sparsePods
	MostPodsPerNode  = 40
)

// extra is how many pods are scheduled beside those that run: 10,000 beside 150,000.
func (s Size) extra() int { return s.Pods / 15 }

// churned is how many of the pods that run are deleted meanwhile: 1 %.
func (s Size) churned() int { return s.Pods / 100 }

// Step is a question that is measured.
type Step struct {
	Name string
	run  func(*bench) (*outcome, error)
}

// Steps are all that is measured on a cluster once it is there and the scheduler runs. The
// last leaves a cluster behind that is another.
func Steps() []Step {
	return []Step{
		{"idle", (*bench).idle},
		{"schedule", (*bench).schedule},
		{"memory", (*bench).memory},
		{"evict", (*bench).evict},
		{"plan", (*bench).plan},
		{"zone", (*bench).zone},
	}
}

// The names of what comes before the steps: the cluster, and the scheduler's start.
const (
	loadCase  = "load"
	startCase = "start"
)

// Options say how to run steps.
type Options struct {
	// LogDir takes what the programs write; nobody does where it is empty.
	LogDir string
	// Progress is shown where the run is; Note is told what is to stay on the screen.
	Progress, Note func(string)
	// Finished gets all figures so far, after each step.
	Finished func([]figure.Figure) error
	// Series gets what is for charts.
	Series func(...figure.Series)
}

// outcome is what a step has come to.
type outcome struct {
	// measured are the figures of the step itself, costs those of each process.
	measured []figure.Figure
	costs    map[string]cost
}

// Run builds the cluster and measures the steps, one after the other. A step that fails is
// told and left out, unless the playground has gone with it.
func Run(ctx context.Context, steps []Step, size Size, opts Options) ([]figure.Figure, error) {
	var figures []figure.Figure
	b := &bench{size: size, opts: opts}
	defer b.stop()
	keep := func(step string, o *outcome) error {
		figures = append(figures, o.figures(fmt.Sprintf("%s/%d", step, size.Nodes))...)
		opts.Note(step + ": " + o.summary())
		return opts.Finished(figures)
	}
	measure := func(step string, run func() (*outcome, error)) error {
		o, err := run()
		if err == nil {
			return keep(step, o)
		}
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s: %w", step, err)
	}
	if err := measure(loadCase, func() (*outcome, error) { return b.load(ctx) }); err != nil {
		return figures, err
	}
	if err := measure(startCase, b.startScheduler); err != nil {
		return figures, err
	}
	var errs []error
	for _, step := range steps {
		if err := b.settle(); err != nil {
			return figures, errors.Join(append(errs, err)...)
		}
		if err := measure(step.Name, func() (*outcome, error) { return step.run(b) }); err != nil {
			if b.ctx.Err() != nil {
				return figures, errors.Join(append(errs, err)...)
			}
			opts.Note(err.Error())
			errs = append(errs, err)
		}
	}
	return figures, errors.Join(errs...)
}
