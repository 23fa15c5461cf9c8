package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	benchmarks "github.com/stowage-k8s/stowage/benchmarks/report"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// pageSuffix is the suffix of the report's page.
const pageSuffix = ".html"

// reportFlags are the flags of `report`.
type reportFlags struct{ results, output string }

func newReportCommand() *cobra.Command {
	flags := reportFlags{}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Put the results of all benchmarks together",
		Long: `Reads the results that the other commands have left, and writes them as one page that
is all by itself, for browsers and print. Beside it, under the same name, it leaves the
same for programs, as .json, and the most important figures as a table for a README, as
.md. Benchmarks without results are named there.`,
		Example: `  stowage-bench report
  stowage-bench report --results out/bench --output /tmp/report.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&flags.results, "results", filepath.Join("out", "bench"), "folder with results of benchmarks, each a .json file")
	cmd.Flags().StringVar(&flags.output, "output", filepath.Join("out", "report.html"), "file to write the page to")
	_ = cmd.MarkFlagDirname("results")
	_ = cmd.MarkFlagFilename("output", "html")
	return cmd
}

func (f reportFlags) run(out io.Writer) error {
	name, isPage := strings.CutSuffix(f.output, pageSuffix)
	switch {
	case f.results == "":
		return exit.Refuse(errors.New("--results: must not be empty"))
	case !isPage:
		return exit.Refuse(fmt.Errorf("--output=%s: must end with %s", f.output, pageSuffix))
	}
	r, err := benchmarks.Load(f.results)
	if err != nil {
		return exit.Refuse(fmt.Errorf("--results: %w", err))
	}
	if err := os.MkdirAll(filepath.Dir(f.output), 0o755); err != nil {
		return exit.Refuse(fmt.Errorf("--output: %w", err))
	}
	for _, file := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.output, r.HTML}, {name + ".json", r.JSON}, {name + ".md", r.Markdown}} {
		if err := report.WriteFile(file.path, file.write); err != nil {
			return fmt.Errorf("--output: %w", err)
		}
	}
	fmt.Fprint(out, r.Summary())
	_, err = fmt.Fprintf(out, "written to %s, and beside it .json and .md\n", f.output)
	return err
}
