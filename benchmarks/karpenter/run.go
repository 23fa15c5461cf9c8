// Package karpenter measures what schedulers make of a cluster whose nodes come and go by the
// real Karpenter: how many there are and what they cost, what is disrupted, and how long pods
// wait. It is Karpenter's own program, with the cloud of its own that has fake nodes.
package karpenter

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
)

// Policies are Karpenter's, under which subjects are compared.
func Policies() []string { return []string{karpenter.WhenEmpty, karpenter.WhenEmptyOrUnderutilized} }

// Seeds are those of the mixes of pods that are measured.
func Seeds() []uint64 { return []uint64{1, 2, 3} }

// Options say how to run trials.
type Options struct {
	// LogDir takes a diary of each trial; nobody does where it is empty.
	LogDir string
	// Progress is shown where the run is; Note is told what is to stay on the screen.
	Progress, Note func(string)
	// Finished gets all figures so far, after each trial.
	Finished func([]figure.Figure) error
}

// Run measures each subject with each mix under each policy, the subjects in turns, and
// returns the figures. What goes wrong with one does not keep the others from being measured;
// it is in the error.
func Run(ctx context.Context, subjects []Subject, policies []string, seeds []uint64, opts Options) ([]figure.Figure, error) {
	if _, err := karpenter.Find(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "stowage-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var figures figures
	var errs []error
	done, all := 0, len(subjects)*len(policies)*len(seeds)
	for _, seed := range seeds {
		for _, policy := range policies {
			for _, subject := range subjects {
				done++
				t := trial{subject: subject, policy: policy, seed: seed, logDir: opts.LogDir, dir: dir}
				title := fmt.Sprintf("%d of %d: %s", done, all, t)
				t.show = func(status string) { opts.Progress(title + ": " + status) }
				list, err := t.run(ctx)
				if ctx.Err() != nil {
					return figures, context.Cause(ctx)
				}
				if err != nil {
					err = fmt.Errorf("%s: %w", t, err)
					opts.Note(err.Error())
					errs = append(errs, err)
				} else {
					opts.Note(title + ": " + summary(list))
				}
				figures.add(t, list)
				if err := opts.Finished(figures); err != nil {
					return figures, err
				}
			}
		}
	}
	return figures, errors.Join(errs...)
}
