package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/benchmarks/scaling"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// scalingFlags are the flags of `scaling`.
type scalingFlags struct {
	workloads, subjects, nodes []string
	quick                      bool
	rounds                     int
	seed                       uint64
	results                    resultFlags
}

func newScalingCommand() *cobra.Command {
	flags := scalingFlags{}
	cmd := &cobra.Command{
		Use:   "scaling",
		Short: "Measure how the cost of scheduling grows with the cluster",
		Long: `Runs the scheduler's own loop over clusters in memory of 1,000 to 100,000 nodes with
up to 10 pods each, as "loop" does, and fits cost = a·n^b to the CPU time of placing
a pod: b is 0 where the size of the cluster does not matter, 1 where twice the nodes
cost twice as much. Also the CPU time of the first pod, for which everything is made
from nothing, and memory: of the scheduler per node and per pod, and of a node and a
pod as informers keep them.

All sizes take 15 minutes and 7 GiB of memory. Pods of one app share their
specification in memory, or a million of them would not fit.`,
		Example: `  stowage-bench scaling --quick
  stowage-bench scaling --workload plain --nodes 1000 --nodes 100000 --subject stowage`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	nodes := namesOf(scaling.NodeCounts, strconv.Itoa)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure a choice of cases in 2 minutes: up to 30000 nodes, none of them full, without hostname-anti-affinity and those who look at all nodes")
	fs.StringArrayVar(&flags.workloads, "workload", nil, "measure this workload only; may be given several times: "+strings.Join(scaling.Workloads, ", "))
	fs.StringArrayVar(&flags.subjects, "subject", nil, "measure this subject only; may be given several times: "+strings.Join(scaling.Subjects, ", "))
	fs.StringArrayVar(&flags.nodes, "nodes", nil, "measure with this number of nodes only; may be given several times: "+strings.Join(nodes, ", "))
	fs.IntVar(&flags.rounds, "rounds", 5, "number of batches of pods that each subject schedules")
	fs.Uint64Var(&flags.seed, "seed", 1, "chooses which nodes are full, labelled and tainted")
	flags.results.add(fs, "scaling")
	for flag, values := range map[string][]string{"output": formats, "workload": scaling.Workloads, "subject": scaling.Subjects, "nodes": nodes} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

func (f *scalingFlags) run(cmd *cobra.Command) error {
	choice, err := f.choose()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(""); err != nil {
		return exit.Refuse(err)
	}
	recording := f.results.begin("scaling", f.quick, scaling.Described())
	recording.results.Notes = scaling.Notes
	opts := loop.Options{Rounds: f.rounds, Seed: f.seed, Progress: showLater(report.NewLive(os.Stderr))}
	err = scaling.Run(cmd.Context(), choice, opts, func(figures []figure.Figure, series []figure.Series) error {
		recording.results.Series = series
		return recording.keep(figures)
	})
	if err != nil {
		return err
	}
	return recording.show(cmd.OutOrStdout(), choice.WriteTables)
}

// choose returns what the flags choose.
func (f *scalingFlags) choose() (scaling.Choice, error) {
	var none scaling.Choice
	if err := f.results.validate(); err != nil {
		return none, err
	}
	if f.rounds < 1 {
		return none, fmt.Errorf("--rounds=%d: must be 1 or more", f.rounds)
	}
	same := func(name string) string { return name }
	workloads, err := pick("--workload", f.workloads, scaling.Workloads, same)
	if err != nil {
		return none, err
	}
	subjects, err := pick("--subject", f.subjects, scaling.Subjects, same)
	if err != nil {
		return none, err
	}
	nodes, err := pick("--nodes", f.nodes, scaling.NodeCounts, strconv.Itoa)
	if err != nil {
		return none, err
	}
	choice := scaling.Choice{Workloads: workloads, Subjects: subjects, Nodes: nodes}
	if f.quick {
		choice = choice.Quick()
	}
	if len(choice.Comparisons()) == 0 {
		return none, errors.New("--subject, --workload, --nodes: there is nothing to measure: exhaustive and most-allocated-all take up to 10000 nodes, and --quick leaves some out")
	}
	return choice, nil
}
