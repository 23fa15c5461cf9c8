package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// part is a benchmark as `all` runs it.
type part struct {
	name string
	args []string
}

// parts are what `all` runs: of each benchmark what says most in about two minutes, so that
// all of them take less than 15.
func parts() []part {
	return []part{
		{"loop", []string{"--quick", "--rounds", "3", "--workload", "plain", "--workload", "job", "--workload", "mixed", "--workload", "hostname-anti-affinity", "--workload", "zone-affinity"}},
		{"scaling", []string{"--quick"}},
		{"packing", []string{"--quick"}},
		{"e2e", []string{"--quick", "--case", "plain", "--case", "packing", "--case", "pod-affinity"}},
		{"deschedule", []string{"--quick", "--case", "skew", "--case", "gpu-trap"}},
		{"chaos", []string{"--quick", "--case", "evict-random", "--case", "zone-loss", "--evictions", "500"}},
		{"scale", []string{"--quick"}},
	}
}

// allFlags are the flags of `all`.
type allFlags struct {
	dir, page string
}

func newAllCommand() *cobra.Command {
	flags := allFlags{}
	cmd := &cobra.Command{
		Use:   "all",
		Short: "Measure the quick form of everything, then write the report",
		Long: `Runs the quick form of every benchmark, one after the other, and writes the report of
what is there then. It takes 15 minutes or less on two cores. What goes wrong with one
does not keep the others from being run: the report says that it is missing, and the
exit code is 1.

Each benchmark's results are in a file of its own, and the table that it prints is
beside it. Those of an earlier run are replaced.`,
		Example: `  stowage-bench all
  stowage-bench all --results-dir /tmp/results --report-file /tmp/report.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.Context()) },
	}
	fs := cmd.Flags()
	fs.StringVar(&flags.dir, "results-dir", filepath.Join("out", "bench"), "folder for the results")
	fs.StringVar(&flags.page, "report-file", filepath.Join("out", "report.html"), "file to write the report to")
	_ = cmd.MarkFlagDirname("results-dir")
	return cmd
}

func (f *allFlags) run(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.dir, 0o755); err != nil {
		return exit.Refuse(fmt.Errorf("--results-dir: %w", err))
	}
	live, begin, list := report.NewLive(os.Stderr), time.Now(), parts()
	var failed []string
	for i, p := range list {
		live.Println(fmt.Sprintf("%d of %d: %s %s", i+1, len(list), p.name, strings.Join(p.args, " ")))
		took, err := f.measure(ctx, self, p)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			failed = append(failed, p.name)
			live.Println(fmt.Sprintf("%s: %v", p.name, err))
		default:
			live.Println(fmt.Sprintf("%s took %s: %s", p.name, took.Round(time.Second), f.table(p)))
		}
	}
	if err := f.report(ctx, self); err != nil {
		return err
	}
	live.Println(fmt.Sprintf("all of it took %s", time.Since(begin).Round(time.Second)))
	if len(failed) > 0 {
		return errors.New("these have failed: " + strings.Join(failed, ", "))
	}
	return nil
}

// table is the file that takes what a benchmark prints.
func (f *allFlags) table(p part) string { return filepath.Join(f.dir, p.name+".txt") }

// measure runs one benchmark. Results of an earlier run are no results of this one.
func (f *allFlags) measure(ctx context.Context, self string, p part) (time.Duration, error) {
	results := filepath.Join(f.dir, p.name+".json")
	if err := os.Remove(results); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	table, err := os.Create(f.table(p))
	if err != nil {
		return 0, err
	}
	ran, err := child.Run(ctx, self, append([]string{p.name, "--output-file", results}, p.args...), table, os.Stderr)
	err = errors.Join(err, table.Close())
	if err == nil && ran.Code != 0 {
		err = fmt.Errorf("it ended with exit code %d", ran.Code)
	}
	return ran.Wall, err
}

// report has the report written.
func (f *allFlags) report(ctx context.Context, self string) error {
	ran, err := child.Run(ctx, self, []string{"report", "--results", f.dir, "--output", f.page}, os.Stdout, os.Stderr)
	if err == nil && ran.Code != 0 {
		err = fmt.Errorf("writing the report: it ended with exit code %d", ran.Code)
	}
	return err
}
