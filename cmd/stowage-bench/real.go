package main

import (
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/real"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// realFlags are the flags of `real`.
type realFlags struct {
	cases   []string
	quick   bool
	results resultFlags
	logDir  string
}

func newRealCommand() *cobra.Command {
	flags := realFlags{}
	cmd := &cobra.Command{
		Use:   "real",
		Short: "Measure on real nodes what containers take to be replaced, and a leader and a node to be lost",
		Long: `Starts a playground of two real nodes, a kubelet and a containerd each, and installs the
scheduler there as config/scheduler has it. Measures how long it is from an eviction until
the replacement's container is ready, from the loss of the scheduler's leader until the next
pod has a node, and how long the drain of a node with 20 pods takes. It needs root,
containerd, runc and CNI plugins.

Results are written to a file as well, as JSON, after each case.`,
		Example: `  sudo stowage-bench real --quick
  sudo stowage-bench real --case drain --log-dir /tmp/logs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	cases := namesOf(real.Cases(), realCaseName)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure each a few times, in four minutes")
	fs.StringArrayVar(&flags.cases, "case", nil, "measure this case only; may be given several times: "+strings.Join(cases, ", "))
	flags.results.add(fs, "real")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes what all programs write")
	for flag, values := range map[string][]string{"output": formats, "case": cases} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *realFlags) run(cmd *cobra.Command) error {
	if err := f.results.validate(); err != nil {
		return exit.Refuse(err)
	}
	cases, err := pick("--case", f.cases, real.Cases(), realCaseName)
	if err != nil {
		return exit.Refuse(err)
	}
	size := real.Full
	if f.quick {
		size = real.Quick
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("real", f.quick, real.Described())
	recording.results.Notes = real.Notes()
	figures, err := real.Run(cmd.Context(), cases, size, real.Options{
		LogDir:   f.logDir,
		Progress: live.Show,
		Note:     func(line string) { live.Println(line) },
		Finished: recording.keep,
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), real.WriteTable))
}

func realCaseName(c real.Case) string { return c.Name }
