package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// patience is how long a run may take before it shows where it is.
const patience = 2 * time.Second

// loopFlags are the flags of `loop`.
type loopFlags struct {
	workloads, subjects []string
	nodes, fills        []string
	quick               bool
	rounds              int
	seed                uint64
	results             resultFlags
	cpuProfile          string
}

func newLoopCommand() *cobra.Command {
	flags := loopFlags{}
	cmd := &cobra.Command{
		Use:   "loop",
		Short: "Measure what scheduling one pod costs",
		Long: `Runs the scheduler's own loop over clusters in memory, on one core, and measures
the CPU time and the allocations of scheduling one pod: with Stowage's profile as it
is shipped, with the same looking at all nodes, and with upstream's, as it is and at
its best. Subjects take turns; what counts is the median over the rounds. For plain
pods in empty clusters it counts the nodes used, too.

A case is a workload, a number of nodes, and how many percent of them are full. Pods
are of apps of 64 in "plain", and all of one in "job". Pods that look at other pods
find 10 of their kind on each node; in "mixed", pods are of 24 sizes, and no two nodes
have the same left. Pods with claims have one each: bound to a volume in one of 10
zones, waiting to be created in one of 5, or with half of the nodes at their limit of
24 volumes. The results are written to a file as well, as JSON.`,
		Example: `  stowage-bench loop --quick
  stowage-bench loop --workload zone-affinity --nodes 5000 --subject stowage --subject default
  stowage-bench loop --workload plain --nodes 5000 --fill 98 --cpuprofile cpu.pprof
  stowage-bench loop --rounds 9 --output-file results.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	workloads, subjects := namesOf(loop.Workloads(), workloadName), namesOf(loop.Subjects(), loopSubjectName)
	nodes, fills := namesOf(loop.NodeCounts, strconv.Itoa), namesOf(loop.Fills, strconv.Itoa)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure a choice of cases in a few minutes: 5000 nodes, fills for plain and job only, and exhaustive and most-allocated with plain only")
	fs.StringArrayVar(&flags.workloads, "workload", nil, "measure this workload only; may be given several times: "+strings.Join(workloads, ", "))
	fs.StringArrayVar(&flags.subjects, "subject", nil, "measure this subject only; may be given several times: "+strings.Join(subjects, ", "))
	fs.StringArrayVar(&flags.nodes, "nodes", nil, "measure with this number of nodes only; may be given several times: "+strings.Join(nodes, ", "))
	fs.StringArrayVar(&flags.fills, "fill", nil, "measure with this percentage of the nodes full; may be given several times: "+strings.Join(fills, ", ")+
		" (default: all, but 0 for pods that look at other pods, or have claims, host ports or nodes that they name)")
	fs.IntVar(&flags.rounds, "rounds", 5, "number of batches of pods that each subject schedules")
	fs.Uint64Var(&flags.seed, "seed", 1, "chooses which nodes are full, labelled and tainted")
	flags.results.add(fs, "loop")
	fs.StringVar(&flags.cpuProfile, "cpuprofile", "", "file to write a CPU profile of the measured rounds to, of one case; pprof's -tagfocus=subject=NAME shows one subject")
	for flag, values := range map[string][]string{"output": formats, "workload": workloads, "subject": subjects, "nodes": nodes, "fill": fills} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

func (f *loopFlags) run(cmd *cobra.Command) error {
	comparisons, err := f.comparisons()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(""); err != nil {
		return exit.Refuse(err)
	}
	opts := loop.Options{Rounds: f.rounds, Seed: f.seed, Progress: showLater(report.NewLive(os.Stderr))}
	if f.cpuProfile != "" {
		profile, err := os.Create(f.cpuProfile)
		if err != nil {
			return exit.Refuse(fmt.Errorf("--cpuprofile: %w", err))
		}
		defer profile.Close()
		opts.Profile = profile
	}
	recording := f.results.begin("loop", f.quick, loop.Described())
	recording.results.Notes = loop.Notes
	figures, err := loop.Run(cmd.Context(), comparisons, opts)
	if err != nil {
		return err
	}
	if err := recording.keep(figures); err != nil {
		return err
	}
	return recording.show(cmd.OutOrStdout(), loop.WriteTables)
}

// comparisons returns what the flags choose.
func (f *loopFlags) comparisons() ([]loop.Comparison, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	workloads, err := pick("--workload", f.workloads, loop.Workloads(), workloadName)
	if err != nil {
		return nil, err
	}
	subjects, err := pick("--subject", f.subjects, loop.Subjects(), loopSubjectName)
	if err != nil {
		return nil, err
	}
	nodes, err := pick("--nodes", f.nodes, loop.NodeCounts, strconv.Itoa)
	if err != nil {
		return nil, err
	}
	fills, err := pick("--fill", f.fills, loop.Fills, strconv.Itoa)
	if err != nil {
		return nil, err
	}
	if len(f.fills) == 0 {
		fills = nil // each workload's own
	}
	comparisons := loop.Full(workloads, subjects, nodes, fills)
	if f.quick {
		comparisons = loop.Quick(workloads, subjects)
	}
	switch {
	case len(comparisons) == 0:
		return nil, errors.New("--subject, --workload: there is nothing to measure: default-fast-path takes hostname-anti-affinity, and --quick leaves some out")
	case f.cpuProfile != "" && len(comparisons) > 1:
		return nil, fmt.Errorf("--cpuprofile: it takes one case, not %d: choose one by --workload, --nodes and --fill", len(comparisons))
	}
	return comparisons, nil
}

// validate checks the flags that no list of names goes with.
func (f *loopFlags) validate() error {
	if err := f.results.validate(); err != nil {
		return err
	}
	switch {
	case f.rounds < 1:
		return fmt.Errorf("--rounds=%d: must be 1 or more", f.rounds)
	case f.quick && len(f.nodes)+len(f.fills) > 0:
		return errors.New("--quick: it chooses nodes and fills itself, so leave out --nodes and --fill")
	}
	return nil
}

// showLater returns what shows where the run is, once it has taken a while.
func showLater(live *report.Live) func(loop.Progress) {
	begin := time.Now()
	return func(p loop.Progress) {
		if time.Since(begin) >= patience {
			live.Show(p.String())
		}
	}
}

func workloadName(w loop.Workload) string { return w.Name }

func loopSubjectName(s loop.Subject) string { return s.Name }
