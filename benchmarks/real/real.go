// Package real measures on real nodes what fake ones cannot show: how long it is from an
// eviction until a container of the replacement is ready, from the loss of the scheduler's
// leader until the next pod has a node, and how long a drain takes.
package real

import (
	"context"
	"errors"
	"fmt"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Size says how much is measured.
type Size struct {
	// Evictions is how many pods are evicted, one after the other; Losses how many leaders
	// are lost of each kind; Drains how many times a node is drained.
	Evictions, Losses, Drains int
	// Pods is how many pods the drained node has.
	Pods int
}

// Full is the size that figures are published for, and Quick one of four minutes.
var (
	Full  = Size{Evictions: 20, Losses: 5, Drains: 5, Pods: 20}
	Quick = Size{Evictions: 5, Losses: 2, Drains: 1, Pods: 20}
)

// Case is a question that is measured.
type Case struct {
	Name string
	run  func(*bench) ([]figure.Figure, error)
}

// Cases are all that is measured.
func Cases() []Case {
	return []Case{
		{"replacement", (*bench).replacement},
		{"leader-told-to-end", func(b *bench) ([]figure.Figure, error) { return b.leaderLoss(b.deletePod) }},
		{"leader-killed", func(b *bench) ([]figure.Figure, error) { return b.leaderLoss(b.killContainer) }},
		{"drain", (*bench).drain},
	}
}

// Options say how to run cases.
type Options struct {
	// LogDir takes what the programs write; nobody does where it is empty.
	LogDir string
	// Progress is shown where the run is; Note is told what is to stay on the screen.
	Progress, Note func(string)
	// Finished gets all figures so far, after each case.
	Finished func([]figure.Figure) error
}

// Run measures the cases, one after the other, on a playground of two real nodes and no other,
// on which the scheduler runs as config/scheduler installs it. A case that fails is told and
// left out, unless the playground has gone with it.
func Run(ctx context.Context, cases []Case, size Size, opts Options) ([]figure.Figure, error) {
	b := &bench{size: size, opts: opts}
	defer b.stop()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	var figures []figure.Figure
	var errs []error
	for _, c := range cases {
		measured, err := c.run(b)
		if err != nil {
			if cause := context.Cause(b.ctx); cause != nil {
				return figures, errors.Join(append(errs, cause)...)
			}
			err = fmt.Errorf("%s: %w", c.Name, err)
			opts.Note(err.Error())
			errs = append(errs, err)
			continue
		}
		for _, f := range measured {
			f.Case, f.Subject, f.Unit, f.Better = c.Name, product, "s", figure.Lower
			figures = append(figures, f.Rounded(2))
		}
		opts.Note(summary(c.Name, measured))
		if err := opts.Finished(figures); err != nil {
			return figures, err
		}
	}
	return figures, errors.Join(errs...)
}
