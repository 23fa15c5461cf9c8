package app

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/exit"
	common "github.com/stowage-k8s/stowage/internal/report"
)

func newReportCommand() *cobra.Command {
	output := &outputFlags{}
	cmd := &cobra.Command{
		Use:   "report JOURNAL",
		Short: "Show the report of a run, from its journal",
		Example: `  stowage-chaos report chaos-20261121-101500-x7k2.jsonl
  stowage-chaos report chaos-20261121-101500-x7k2.jsonl -o html --output-file report.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			run, err := journal.OpenRun(args[0])
			if err != nil {
				return refused(err)
			}
			return output.report(cmd.OutOrStdout(), report.From(run))
		},
		ValidArgsFunction: jsonFiles,
	}
	output.add(cmd, cmd.Flags())
	cmd.Flags().Lookup("output").Usage = "output format: table, wide, json, yaml, junit, markdown or html"
	return cmd
}

func jsonFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"jsonl"}, cobra.ShellCompDirectiveFilterFileExt
}

func newReplayCommand(built *options) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd := &cobra.Command{
		Use:   "replay JOURNAL",
		Short: "Repeat a run from its journal, with the same victims",
		Long: `Runs the scenario of a journal again with the same seed, and compares the victims. Pod names
change, so victims are compared by workload and rank. If the cluster has changed and other
victims are drawn, the differences are reported, and the exit code is 3.

Draws that were skipped in the original run because of an excluded time are skipped again.
Nothing happens at a time that is excluded now.`,
		Example: `  stowage-chaos replay chaos-20261121-101500-x7k2.jsonl --context staging --no-dry-run`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return flags.replay(cmd, args[0])
		},
		ValidArgsFunction: jsonFiles,
	}
	flags.addReplay(cmd, cmd.Flags())
	return cmd
}

// replay runs a journal's scenario again.
func (f *runFlags) replay(cmd *cobra.Command, path string) error {
	before, err := journal.OpenRun(path)
	if err != nil {
		return refused(err)
	}
	if err := f.validate(); err != nil {
		return err
	}
	plugins, err := f.plugins()
	if err != nil {
		return err
	}
	s, err := scenario.Parse(before.Start.Scenario, plugins, f.built.probes)
	if err != nil {
		return refused(fmt.Errorf("%s: scenario: %w", path, err))
	}
	f.seed = before.Start.Seed
	f.replayed = before.Turns()
	records, err := f.runSteps(cmd.Context(), cmd.OutOrStdout(), s)
	if records == nil {
		return err
	}
	again := records.Run()
	now := again.Drawn()
	same, difference := journal.Same(before.Drawn(), now)
	if n := journal.Lacking(f.replayed, again.Turns()); n > 0 {
		same, difference = false, fmt.Sprintf("%d of %d draws did not happen: the time is excluded now, or the run ended earlier", n, len(before.Choices))
	}
	if !same {
		others := fmt.Errorf("other victims than in %s were drawn: %s", path, difference)
		if err != nil {
			return errors.Join(err, others) // with the exit code of what else went wrong
		}
		return exit.With(others, exit.Inconclusive)
	}
	fmt.Fprintf(os.Stderr, "the same victims as in %s were drawn: %s\n", path, common.Count(len(now), "draw"))
	return err
}
