package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/compare"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// compareFlags are the flags of `compare`.
type compareFlags struct {
	baseline, results string
	save, fail        bool
}

func newCompareCommand() *cobra.Command {
	flags := compareFlags{}
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Say what has got better or worse since the last release",
		Long: `Compares the results of the other commands with those of the last release. Machines
differ, so it compares ratios: of each figure that has a better way, stowage's ÷ that
of each other subject of the same case and run, one for each round. benchstat says
which differ beyond noise, at a level of 5 %: that takes 4 rounds or more on both
sides, and with fewer it cannot tell. Counts that were taken once are compared as they
are.

Noise is that between the rounds of a run. Between runs there is more: what is said
to be worse is worth another run before anything is concluded from it.`,
		Example: `  stowage-bench loop --quick && stowage-bench compare
  stowage-bench compare --fail
  stowage-bench compare --save`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&flags.baseline, "baseline", filepath.Join("benchmarks", "baseline"), "folder with the ratios of the last release")
	fs.StringVar(&flags.results, "results", filepath.Join("out", "bench"), "folder with the results to compare, which their ratios are written to as well")
	fs.BoolVar(&flags.save, "save", false, "write the ratios of the results to the baseline instead of comparing them")
	fs.BoolVar(&flags.fail, "fail", false, "end with exit code 2 if something is worse beyond noise")
	cmd.MarkFlagsMutuallyExclusive("save", "fail")
	_, _ = cmd.MarkFlagDirname("baseline"), cmd.MarkFlagDirname("results")
	return cmd
}

func (f *compareFlags) run(cmd *cobra.Command) error {
	if f.baseline == f.results {
		return exit.Refuse(fmt.Errorf("--baseline=%s: must be another folder than --results", f.baseline))
	}
	runs, err := f.read(cmd.ErrOrStderr())
	if err != nil {
		return exit.Refuse(err)
	}
	if f.save {
		return f.write(cmd.OutOrStdout(), runs)
	}
	changes, err := f.compare(cmd.Context(), cmd.OutOrStdout(), runs)
	if err != nil {
		return err
	}
	return f.conclude(cmd.OutOrStdout(), changes)
}

// compared are the results of a benchmark and their ratios.
type compared struct {
	figure.Results
	ratios []compare.Ratio
}

// file returns where the ratios of the benchmark are in the folder.
func (c compared) file(folder string) string { return filepath.Join(folder, c.Benchmark+".txt") }

// write writes the ratios to the folder.
func (c compared) write(folder string) error {
	return report.WriteFile(c.file(folder), func(out io.Writer) error { return compare.Write(out, c.Results, c.ratios) })
}

// read returns the results that there are ratios of. Files that are none are said to be.
func (f *compareFlags) read(errs io.Writer) ([]compared, error) {
	files, err := filepath.Glob(filepath.Join(f.results, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("--results: %w", err)
	}
	var runs []compared
	for _, file := range files {
		results, err := figure.ReadFile(file)
		if err != nil {
			fmt.Fprintf(errs, "left out: %v\n", err)
			continue
		}
		if ratios := compare.Ratios(results); len(ratios) > 0 {
			runs = append(runs, compared{results, ratios})
		}
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("--results=%s: there are no results in which stowage is compared with others: run a benchmark first, such as make bench-loop", f.results)
	}
	return runs, nil
}

// write writes the ratios to the baseline.
func (f *compareFlags) write(out io.Writer, runs []compared) error {
	if err := os.MkdirAll(f.baseline, 0o755); err != nil {
		return fmt.Errorf("--baseline: %w", err)
	}
	for _, run := range runs {
		if err := run.write(f.baseline); err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
		fmt.Fprintf(out, "%d ratios written to %s\n", len(run.ratios), run.file(f.baseline))
	}
	return nil
}

// compare shows what benchstat says of each benchmark that both sides have.
func (f *compareFlags) compare(ctx context.Context, out io.Writer, runs []compared) ([]compare.Change, error) {
	saved, err := filepath.Glob(filepath.Join(f.baseline, "*.txt"))
	if err != nil || len(saved) == 0 {
		return nil, exit.Refuse(fmt.Errorf("--baseline=%s: there are no ratios: --save writes them", f.baseline))
	}
	var all []compare.Change
	for _, run := range runs {
		before := run.file(f.baseline)
		if !slices.Contains(saved, before) {
			fmt.Fprintf(out, "%s: the baseline does not have it\n\n", run.Benchmark)
			continue
		}
		saved = slices.DeleteFunc(saved, func(file string) bool { return file == before })
		if err := run.write(f.results); err != nil {
			return nil, fmt.Errorf("--results: %w", err)
		}
		table, changes, err := compare.Benchstat(ctx, before, run.file(f.results), run.ratios)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "%s: stowage's figures ÷ those of others\n%s\n", run.Benchmark, table)
		all = append(all, changes...)
	}
	for _, file := range saved {
		fmt.Fprintf(out, "%s: there are no results\n\n", strings.TrimSuffix(filepath.Base(file), ".txt"))
	}
	return all, nil
}

// conclude names what is better and worse, and counts everything.
func (f *compareFlags) conclude(out io.Writer, changes []compare.Change) error {
	worse := false
	for _, c := range changes {
		if c.Verdict == compare.Better || c.Verdict == compare.Worse {
			fmt.Fprintln(out, c)
		}
		worse = worse || c.Verdict == compare.Worse
	}
	fmt.Fprintln(out, compare.Summary(changes))
	if len(changes) == 0 && f.fail {
		return exit.With(errors.New("--fail: no benchmark has both results and a baseline: nothing was compared"), exit.Inconclusive)
	}
	if worse && f.fail {
		return exit.With(errors.New("something is worse than in the baseline, beyond noise"), exit.Failed)
	}
	return nil
}
