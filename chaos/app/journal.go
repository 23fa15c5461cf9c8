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
)

func newReportCommand() *cobra.Command {
	output := &outputFlags{}
	cmd := &cobra.Command{
		Use:   "report JOURNAL",
		Short: "Show what a run came to, from its journal",
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
	cmd.Flags().Lookup("output").Usage = "how to show it: table, wide, json, yaml, junit, markdown or html"
	return cmd
}

func jsonFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"jsonl"}, cobra.ShellCompDirectiveFilterFileExt
}

func newReplayCommand(built *options) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd := &cobra.Command{
		Use:   "replay JOURNAL",
		Short: "Do again what a journal says, to the same victims",
		Long: `Runs the scenario of a journal with its seed, and says whether the same victims were drawn:
by workload and rank, for the names of pods change. Where the cluster is not what it was, it
says where they differ, with exit code 3. What the journal's calendar excludes stays excluded:
a draw that was left out then is left out again, and nothing happens at a time that is
excluded now.`,
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
		return refused(fmt.Errorf("%s: its scenario: %w", path, err))
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
		same, difference = false, fmt.Sprintf("%d of %d draws did not happen: their time is excluded now, or the run ended before", n, len(before.Choices))
	}
	if !same {
		others := fmt.Errorf("other victims were drawn than in %s: %s", path, difference)
		if err != nil {
			return errors.Join(err, others) // with the exit code of what else went wrong
		}
		return exit.With(others, exitInconclusive)
	}
	fmt.Fprintf(os.Stderr, "the same victims were drawn as in %s: %d draws\n", path, len(now))
	return err
}
