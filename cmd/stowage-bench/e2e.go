package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/e2e"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// e2eFlags are the flags of `e2e`.
type e2eFlags struct {
	cases, subjects, nodes []string
	quick                  bool
	rounds                 int
	results                resultFlags
	logDir                 string
}

func newE2ECommand() *cobra.Command {
	flags := e2eFlags{}
	cmd := &cobra.Command{
		Use:   "e2e",
		Short: "Measure how fast pods get their nodes on a real control plane",
		Long: `Starts an API server, etcd and a scheduler, fills nodes with pods, has more arrive, and
measures how many get a node per second, how long an attempt takes, and the processor
time of the scheduler and of everything: upstream's scheduler_perf, with workloads of
our own. Each run is a process of its own, built by hack/e2e.sh. Subjects take turns,
and are Stowage's profile as it is shipped, kube-scheduler's default profile, as it is and
at its best, and the ceiling: a scheduler that binds round robin without looking.

There are 5000 pods on 500 nodes or 45000 on 5000 before 5000 arrive, which wherever
they look at other pods are of apps of 50; for preemption 1000 arrive on full nodes.
A quick run has 1000 pods on 500 nodes, and 2000 more, and of kube-scheduler its best
settings only. In the cases two-schedulers and two-packers each subject works beside a
kube-scheduler, of its default profile and of one that packs, on a playground whose nodes are
90 % full. 100 pods arrive a second for each of the two, and those are counted that nodes
refuse, because both schedulers have taken the same room. The results are written to a file as well, as JSON, after each case.`,
		Example: `  stowage-bench e2e --quick
  stowage-bench e2e --case pod-affinity --nodes 5000 --subject stowage --subject ceiling
  stowage-bench e2e --case plain --nodes 500 --rounds 5 --log-dir /tmp/logs
  stowage-bench e2e --case two-packers --nodes 500 --rounds 3`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	cases, subjects, nodes := namesOf(e2e.Cases(), e2eCaseName), namesOf(e2e.Subjects(), e2eSubjectName), namesOf(e2e.Sizes, e2eNodes)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure a choice of cases at 500 nodes with few pods, in 4 minutes; --case and --subject choose others")
	fs.StringArrayVar(&flags.cases, "case", nil, "measure this case only; may be given several times: "+strings.Join(cases, ", "))
	fs.StringArrayVar(&flags.subjects, "subject", nil, "measure this subject only; may be given several times: "+strings.Join(subjects, ", "))
	fs.StringArrayVar(&flags.nodes, "nodes", nil, "measure with this number of nodes only; may be given several times: "+strings.Join(nodes, ", "))
	fs.IntVar(&flags.rounds, "rounds", 1, "number of times that each subject runs each case")
	flags.results.add(fs, "e2e")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes the log and the CPU profile of the last run of each case and subject")
	for flag, values := range map[string][]string{"output": formats, "case": cases, "subject": subjects, "nodes": nodes} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *e2eFlags) run(cmd *cobra.Command) error {
	comparisons, subjects, err := f.choose()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	recording := f.results.begin("e2e", f.quick, e2e.Described())
	recording.results.Notes = e2e.Notes
	figures, err := e2e.Run(cmd.Context(), comparisons, subjects, e2e.Options{
		Rounds: f.rounds, LogDir: f.logDir,
		Progress: report.NewLive(os.Stderr).Show,
		Finished: recording.keep,
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), e2e.WriteTable))
}

// choose returns what the flags choose.
func (f *e2eFlags) choose() ([]e2e.Comparison, []e2e.Subject, error) {
	if err := f.results.validate(); err != nil {
		return nil, nil, err
	}
	switch {
	case f.rounds < 1:
		return nil, nil, fmt.Errorf("--rounds=%d: must be 1 or more", f.rounds)
	case f.quick && len(f.nodes) > 0:
		return nil, nil, errors.New("--quick: it chooses nodes itself, so leave out --nodes")
	}
	cases, err := pick("--case", f.cases, e2e.Cases(), e2eCaseName)
	if err != nil {
		return nil, nil, err
	}
	subjects, err := pick("--subject", f.subjects, e2e.Subjects(), e2eSubjectName)
	if err != nil {
		return nil, nil, err
	}
	sizes, err := pick("--nodes", f.nodes, e2e.Sizes, e2eNodes)
	if err != nil {
		return nil, nil, err
	}
	comparisons := e2e.Full(cases, sizes)
	if f.quick {
		comparisons, subjects = e2e.Quick(cases, subjects)
	}
	comparisons = slices.DeleteFunc(comparisons, func(c e2e.Comparison) bool { return len(c.Compared(subjects)) == 0 })
	if len(comparisons) == 0 {
		return nil, nil, errors.New("--subject, --case: there is nothing to measure: default-fast-path takes pod-anti-affinity, and without-shared-nodes two-schedulers or two-packers")
	}
	return comparisons, subjects, nil
}

func e2eCaseName(c e2e.Case) string { return c.Name }

func e2eSubjectName(s e2e.Subject) string { return s.Name }

func e2eNodes(s e2e.Size) string { return strconv.Itoa(s.Nodes) }
