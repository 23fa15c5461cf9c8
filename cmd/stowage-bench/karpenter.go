package main

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/karpenter"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// karpenterFlags are the flags of `karpenter`.
type karpenterFlags struct {
	subjects, policies, seeds []string
	quick                     bool
	results                   resultFlags
	logDir                    string
}

func newKarpenterCommand() *cobra.Command {
	flags := karpenterFlags{}
	cmd := &cobra.Command{
		Use:   "karpenter",
		Short: "Compare schedulers beside the real Karpenter: nodes, price, disruption",
		Long: `Starts a playground with the real Karpenter, which makes nodes for pods that have none and
takes them away again, and has a scheduler place 200 pods of five sizes there. Then 80 of them
are left, and then these are replaced by a rollout. Counts at each point how many nodes there
are and what they cost, how many pods were evicted, and how long it took until all ran. All
figures come from the API server. Every trial has a cluster of its own.

The nodes are those of Karpenter's own fake cloud, with its prices; Karpenter is built by
hack/karpenter.sh. Results are written to a file as well, as JSON, after each trial.`,
		Example: `  stowage-bench karpenter --quick
  stowage-bench karpenter --subject stowage --seed 2 --policy WhenEmpty --log-dir /tmp/logs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	subjects, seeds := namesOf(karpenter.Subjects(), karpenterSubjectName), namesOf(karpenter.Seeds(), seedName)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure default and stowage with seed 1 and WhenEmpty, unless others are asked for, in 15 minutes")
	fs.StringArrayVar(&flags.subjects, "subject", nil, "measure this subject only; may be given several times: "+strings.Join(subjects, ", "))
	fs.StringArrayVar(&flags.policies, "policy", nil, "measure under this consolidation policy only; may be given several times: "+strings.Join(karpenter.Policies(), ", "))
	fs.StringArrayVar(&flags.seeds, "seed", nil, "measure the mix of pods of this seed only; may be given several times: "+strings.Join(seeds, ", "))
	flags.results.add(fs, "karpenter")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes a diary of each trial: what became of each pod and node, and when")
	for flag, values := range map[string][]string{"output": formats, "subject": subjects, "policy": karpenter.Policies(), "seed": seeds} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *karpenterFlags) run(cmd *cobra.Command) error {
	if err := f.results.validate(); err != nil {
		return exit.Refuse(err)
	}
	subjects, err := pick("--subject", f.subjects, karpenter.Subjects(), karpenterSubjectName)
	if err != nil {
		return exit.Refuse(err)
	}
	policies, err := pick("--policy", f.policies, karpenter.Policies(), func(p string) string { return p })
	if err != nil {
		return exit.Refuse(err)
	}
	seeds, err := pick("--seed", f.seeds, karpenter.Seeds(), seedName)
	if err != nil {
		return exit.Refuse(err)
	}
	if f.quick {
		if len(f.subjects) == 0 {
			subjects = karpenter.QuickSubjects()
		}
		if len(f.policies) == 0 {
			policies = policies[:1]
		}
		if len(f.seeds) == 0 {
			seeds = seeds[:1]
		}
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("karpenter", f.quick, karpenter.Described())
	figures, err := karpenter.Run(cmd.Context(), subjects, policies, seeds, karpenter.Options{
		LogDir:   f.logDir,
		Progress: live.Show,
		Note:     func(line string) { live.Println(line) },
		Finished: recording.keep,
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), karpenter.WriteTable))
}

func karpenterSubjectName(s karpenter.Subject) string { return s.Name }

func seedName(seed uint64) string { return strconv.FormatUint(seed, 10) }
