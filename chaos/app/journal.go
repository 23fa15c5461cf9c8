package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/undo"
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
says where they differ, with exit code 3.`,
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
	records, err := f.runSteps(cmd.Context(), cmd.OutOrStdout(), s)
	if records == nil {
		return err
	}
	now := records.Run().Drawn()
	then := before.Drawn()
	if !f.noDryRun && len(now) < len(then) {
		then = then[:len(now)] // a dry run draws the first of what has no end
	}
	same, difference := journal.Same(then, now)
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

func newRestoreCommand(built *options) *cobra.Command {
	flags := &clusterFlags{built: built}
	var all bool
	cmd := &cobra.Command{
		Use:   "restore [ID | JOURNAL]...",
		Short: "Put back what runs have changed and could not put back themselves",
		Long: `Puts back what runs have changed: cordons, taints, nodes that are down, scaled workloads,
objects that were created. Everything that is changed carries what it takes to put it back,
so this needs no journal. It may be repeated at any time; do not call it for a run that is
still under way.`,
		Example: `  # of all runs
  stowage-chaos restore --all --context staging

  stowage-chaos restore chaos-20261121-101500-x7k2.jsonl --context staging`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return refused(errors.New("name runs, by their ids or journals, or give --all"))
			}
			if all {
				args = []string{""}
			}
			return flags.restore(cmd, args, all)
		},
		ValidArgsFunction: jsonFiles,
	}
	flags.add(cmd, cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "what any run has changed")
	return cmd
}

// restore puts back what the runs have changed; "" stands for all of them.
func (f *clusterFlags) restore(cmd *cobra.Command, runs []string, all bool) error {
	for i, name := range runs {
		if name == "" && !all {
			return refused(errors.New("the id of a run is empty: name it, or give --all"))
		}
		_, err := os.Stat(name)
		if err != nil && (strings.HasSuffix(name, ".jsonl") || strings.Contains(name, "/")) {
			return refused(err)
		}
		if name != "" && err == nil {
			run, err := journal.OpenRun(name)
			if err != nil {
				return refused(err)
			}
			runs[i] = run.Start.ID
		}
	}
	if err := f.validate(true); err != nil {
		return err
	}
	found, err := f.client.Connect(cmd.Context(), program)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	total := 0
	var nothing []string
	for _, run := range runs {
		n, err := undo.Restore(cmd.Context(), found, run, func(c journal.Change) {
			fmt.Fprintf(out, "%s: %s\n", c.Object, c.What)
		})
		if total += n; n == 0 && run != "" {
			nothing = append(nothing, run)
		}
		if err != nil {
			return err
		}
	}
	left, err := undo.Leftovers(cmd.Context(), found)
	if err != nil {
		return err
	}
	if total == 0 {
		fmt.Fprint(out, "there is nothing to put back")
	} else {
		fmt.Fprintf(out, "%d objects are as they were", total)
	}
	if len(left) > 0 {
		fmt.Fprintf(out, "; other runs have changed %d: %v", len(left), left)
	}
	fmt.Fprintln(out)
	if len(nothing) > 0 && len(left) > 0 {
		return exit.With(fmt.Errorf("nothing is left of run %s: is that its id?", strings.Join(nothing, ", ")), exitInconclusive)
	}
	return nil
}
