package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/scale"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// scaleFlags are the flags of `scale`.
type scaleFlags struct {
	steps       []string
	quick       bool
	realistic   bool
	nodes, pods int
	results     resultFlags
	logDir      string
}

func newScaleCommand() *cobra.Command {
	flags := scaleFlags{}
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure everything together on 5,000 nodes with 150,000 pods",
		Long: `Starts a playground on which 5,000 nodes and 150,000 pods of Deployments are there from
the start, written straight into its database, as only a fake cluster may be; waits until the
controllers have counted them; and measures there, with stowage-scheduler running: what all
take while nothing happens; 10,000 more pods scheduled while 1 % of the others are deleted
and replaced; how much memory it needs beside kube-scheduler's default profile, which
reads the same and places as many; what chaos would evict; what the descheduler would move; and a zone taken down
by chaos, with all its pods placed again. Beside each step stand processor time and memory
of each process, the control plane's included.

Results are written to a file as well, as JSON, after each step.`,
		Example: `  stowage-bench scale --quick
  stowage-bench scale --step schedule --step zone --nodes 1000 --pods 30000 --log-dir /tmp/logs

  # the memory of schedulers, with pods as large as those of clusters
  stowage-bench scale --step memory --realistic --nodes 500 --pods 10000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	steps := namesOf(scale.Steps(), scaleStepName)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure on 300 nodes with 9,000 pods, in three minutes")
	fs.StringArrayVar(&flags.steps, "step", nil, "measure this step only; may be given several times: "+strings.Join(steps, ", "))
	fs.IntVar(&flags.nodes, "nodes", 0, "measure on this many nodes: 5,000 unless given, and 300 if --quick")
	fs.IntVar(&flags.pods, "pods", 0, fmt.Sprintf("measure with this many pods that run, from %d to %d for each node: 30 for each unless given", scale.LeastPodsPerNode, scale.MostPodsPerNode))
	fs.BoolVar(&flags.realistic, "realistic", false, "give pods environments, probes and managed fields, and nodes images, as in clusters: all need more memory")
	flags.results.add(fs, "scale")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes what all programs write")
	for flag, values := range map[string][]string{"output": formats, "step": steps} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *scaleFlags) run(cmd *cobra.Command) error {
	steps, size, err := f.choose()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("scale", f.quick, scale.Described())
	recording.results.Notes = scale.Notes()
	figures, err := scale.Run(cmd.Context(), steps, size, scale.Options{
		LogDir:   f.logDir,
		Progress: live.Show,
		Note:     func(line string) { live.Println(line) },
		Finished: recording.keep,
		Series: func(series ...figure.Series) {
			recording.results.Series = append(recording.results.Series, series...)
		},
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), scale.WriteTable))
}

// choose returns what the flags choose.
func (f *scaleFlags) choose() ([]scale.Step, scale.Size, error) {
	size := scale.Full
	if f.quick {
		size = scale.Quick
	}
	size.Realistic = f.realistic
	if err := f.results.validate(); err != nil {
		return nil, size, err
	}
	if f.nodes != 0 {
		if f.nodes < scale.LeastNodes {
			return nil, size, fmt.Errorf("--nodes=%d: must be %d or more", f.nodes, scale.LeastNodes)
		}
		size.Nodes, size.Pods = f.nodes, f.nodes*scale.Full.Pods/scale.Full.Nodes
	}
	if f.pods != 0 {
		least, most := size.Nodes*scale.LeastPodsPerNode, size.Nodes*scale.MostPodsPerNode
		if f.pods < least || f.pods > most {
			return nil, size, fmt.Errorf("--pods=%d: must be from %d to %d on %d nodes", f.pods, least, most, size.Nodes)
		}
		size.Pods = f.pods
	}
	steps, err := pick("--step", f.steps, scale.Steps(), scaleStepName)
	return steps, size, err
}

func scaleStepName(s scale.Step) string { return s.Name }
