package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/latency"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	common "github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
)

// scenario runs a scenario, and shows the result.
func (f *runFlags) scenario(cmd *cobra.Command, s *scenario.Scenario) error {
	_, err := f.runSteps(cmd.Context(), cmd.OutOrStdout(), s)
	return err
}

// runSteps runs a scenario, shows the result, and returns its records; nil if the run was not
// started.
func (f *runFlags) runSteps(ctx context.Context, out io.Writer, s *scenario.Scenario) (*journal.Memory, error) {
	seed, err := f.chosenSeed(s)
	if err != nil {
		return nil, err
	}
	o, err := f.openAll(ctx)
	if err != nil {
		return nil, err
	}
	defer o.close()
	return f.carryOut(ctx, o, out, s, seed, run.Steps)
}

// carryOut calls do within a run, with journal, progress, notifications and metrics.
func (f *runFlags) carryOut(ctx context.Context, o *opened, out io.Writer, s *scenario.Scenario, seed draw.Seed, do func(context.Context, *run.Session) error) (*journal.Memory, error) {
	tells, err := f.telling.open(o.following, o.cluster, f.noDryRun)
	if err != nil {
		return nil, refused(err)
	}
	defer tells.close(ctx)
	options := f.options(s)
	options.ID, options.Seed, options.Assessor = newID(), seed, o.assessor
	var path string
	if options.Journal, path, err = f.openJournal(options.ID); err != nil {
		return nil, err
	}
	show, shown := newProgress(common.NewLive(os.Stderr)).start()
	options.Observers = []func(journal.Record){show, tells.record, noteChanges}
	end, err := run.Run(ctx, o.live, options, do)
	shown()
	err = errors.Join(err, options.Journal.Close())
	if path != "" {
		fmt.Fprintf(os.Stderr, "journal: %s (to show the report again: stowage-chaos report %s)\n", path, filepath.Base(path))
	}
	if wrong, is := errors.AsType[*run.RefusedError](err); is {
		if len(s.Steps) == 1 {
			return options.Memory, refused(field.AsFlags(wrong.Err))
		}
		return options.Memory, refused(wrong)
	}
	err = errors.Join(err, f.show(out, options.Memory))
	if errors.Is(err, latency.ErrFakeNode) {
		return options.Memory, refused(err)
	}
	if err == nil {
		err = verdictError(end)
	}
	return options.Memory, err
}

// options returns what all runs of the scenario have in common.
func (f *runFlags) options(s *scenario.Scenario) run.Options {
	return run.Options{
		Scenario: s, DryRun: !f.noDryRun, Memory: journal.NewMemory(), RecoveryPatience: f.patience, Replayed: f.replayed,
		Version: version.Stowage(), Arguments: arguments(),
	}
}

// show shows the preview of a dry run, or the report of a real run.
func (f *runFlags) show(out io.Writer, records *journal.Memory) error {
	if n := records.Left(); n > 0 {
		fmt.Fprintf(os.Stderr, "Note: the first %d records are not included here; the journal has them\n", n)
	}
	if !f.noDryRun {
		return f.output.preview(out, records.Run())
	}
	return f.output.report(out, report.From(records.Run()))
}
