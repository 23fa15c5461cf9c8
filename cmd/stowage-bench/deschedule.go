package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/deschedule"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// descheduleFlags are the flags of `deschedule`.
type descheduleFlags struct {
	cases, subjects, nodes []string
	quick                  bool
	seed                   uint64
	results                resultFlags
	logDir                 string
}

func newDescheduleCommand() *cobra.Command {
	flags := descheduleFlags{}
	cmd := &cobra.Command{
		Use:   "deschedule",
		Short: "Measure what descheduling does to a real control plane with fake nodes",
		Long: `Builds a skewed cluster on a playground, with real controllers and schedulers, runs
a descheduler on it as a process, twice, and counts what it has done: evictions beside
how many it takes at least, those that were for nothing, refusals, how available the
workloads were, and how skewed the nodes are before and after. All figures come from
the API server and from a proxy in front of it, none from the subject; but for the case
plan, which is planning on a recorded cluster of 5,000 nodes and 150,000 pods.

The subjects are stowage-descheduler and the upstream descheduler, with nodeFit and
without; that one is built by hack/peers.sh. In the case no-downtime, stowage moves pods by
stand-ins, stowage-evict evicts them, and a watcher measures for how long workloads were
without a ready pod. Results are written to a file as well, as JSON, after each case.`,
		Example: `  stowage-bench deschedule --quick
  stowage-bench deschedule --case gpu-trap --case prefers-hot --nodes 200
  stowage-bench deschedule --case skew --subject stowage --log-dir /tmp/logs
  stowage-bench deschedule --case plan -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	cases, subjects := namesOf(deschedule.Cases(), caseName), namesOf(deschedule.Subjects(), descheduleSubjectName)
	nodes := namesOf(descheduleSizes(), strconv.Itoa)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure every case at 200 nodes, in 10 minutes at most; peer only if --subject asks for it")
	fs.StringArrayVar(&flags.cases, "case", nil, "measure this case only; may be given several times: "+strings.Join(cases, ", "))
	fs.StringArrayVar(&flags.subjects, "subject", nil, "measure this subject only; may be given several times: "+strings.Join(subjects, ", "))
	fs.StringArrayVar(&flags.nodes, "nodes", nil, "measure with this number of nodes only; may be given several times: "+strings.Join(nodes, ", ")+", the last for plan")
	fs.Uint64Var(&flags.seed, "seed", 1, "chooses the sizes of pods, where they differ")
	flags.results.add(fs, "deschedule")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes what the subjects write, a file for each run")
	for flag, values := range map[string][]string{"output": formats, "case": cases, "subject": subjects, "nodes": nodes} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *descheduleFlags) run(cmd *cobra.Command) error {
	comparisons, subjects, err := f.choose()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("deschedule", f.quick, deschedule.Described())
	figures, err := deschedule.Run(cmd.Context(), comparisons, subjects, deschedule.Options{
		Seed: f.seed, LogDir: f.logDir,
		Progress: live.Show,
		Note:     func(line string) { live.Println(line) },
		Grids:    recording.grids,
		Finished: recording.keep,
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), deschedule.WriteTable))
}

// choose returns what the flags choose.
func (f *descheduleFlags) choose() ([]deschedule.Comparison, []deschedule.Subject, error) {
	if err := f.results.validate(); err != nil {
		return nil, nil, err
	}
	if f.quick && len(f.nodes) > 0 {
		return nil, nil, errors.New("--quick: it chooses nodes itself, so leave out --nodes")
	}
	cases, err := pick("--case", f.cases, deschedule.Cases(), caseName)
	if err != nil {
		return nil, nil, err
	}
	subjects, err := pick("--subject", f.subjects, deschedule.Subjects(), descheduleSubjectName)
	if err != nil {
		return nil, nil, err
	}
	sizes, err := pick("--nodes", f.nodes, descheduleSizes(), strconv.Itoa)
	if err != nil {
		return nil, nil, err
	}
	if f.quick {
		if len(f.subjects) == 0 {
			subjects = deschedule.QuickSubjects()
		}
		return deschedule.Quick(cases), subjects, nil
	}
	comparisons := deschedule.Full(cases, sizes)
	if len(comparisons) == 0 {
		return nil, nil, fmt.Errorf("--nodes: none of the cases %q is measured at %d", namesOf(cases, caseName), sizes)
	}
	return comparisons, subjects, nil
}

// descheduleSizes returns the numbers of nodes that any case is measured at.
func descheduleSizes() []int {
	var sizes []int
	for _, c := range deschedule.Cases() {
		sizes = append(sizes, c.Sizes...)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes)
}

func caseName(c deschedule.Case) string { return c.Name }

func descheduleSubjectName(s deschedule.Subject) string { return s.Name }
