package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/chaos"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// chaosFlags are the flags of `chaos`.
type chaosFlags struct {
	cases                   []string
	quick                   bool
	evictions, nodes, kills int
	seed                    uint64
	binary                  string
	results                 resultFlags
	logDir                  string
}

func newChaosCommand() *cobra.Command {
	flags := chaosFlags{}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Check on real control planes that stowage-chaos keeps within budgets, repeats itself and cleans up",
		Long: `Runs stowage-chaos as a process on playgrounds, with real controllers and fake nodes:
random evictions over workloads with all forms of budgets, the same draws again, the loss of
a zone and of preemptible nodes, and SIGKILL at random moments. A watcher with a client of
its own records the results: budgets that were broken and by whom, how long pods took to be
replaced, how right predictions were, and what was left behind. The case decision is one
eviction's prediction in memory, at 5,000 nodes and 150,000 pods.

Results are written to a file as well, as JSON, after each case.`,
		Example: `  stowage-bench chaos --quick
  stowage-bench chaos --case evict-random --case replay --evictions 2000
  stowage-bench chaos --case kill-9 --quick --kills 50 --log-dir /tmp/logs`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	cases := namesOf(chaos.Cases(), chaosCaseName)
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure every case on fewer nodes, in 10 minutes at most")
	fs.StringArrayVar(&flags.cases, "case", nil, "measure this case only; may be given several times: "+strings.Join(cases, ", "))
	fs.IntVar(&flags.evictions, "evictions", 0, "evict this many pods at least: 10,000 unless given, and 2,000 if --quick")
	fs.IntVar(&flags.nodes, "nodes", 0, "lose a zone of three of this many nodes: 3,000 unless given, and 300 if --quick")
	fs.IntVar(&flags.kills, "kills", 0, "kill the tool this many times: 50 unless given, and 10 if --quick")
	fs.Uint64Var(&flags.seed, "seed", 1, "the seed of all draws")
	fs.StringVar(&flags.binary, "binary", "", "the stowage-chaos to measure: that in bin/ unless given")
	flags.results.add(fs, "chaos")
	fs.StringVar(&flags.logDir, "log-dir", "", "folder that takes what the tool writes, and its journals")
	for flag, values := range map[string][]string{"output": formats, "case": cases} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	_ = cmd.MarkFlagDirname("log-dir")
	return cmd
}

func (f *chaosFlags) run(cmd *cobra.Command) error {
	cases, size, err := f.choose()
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(f.logDir); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("chaos", f.quick, chaos.Described())
	figures, err := chaos.Run(cmd.Context(), cases, size, chaos.Options{
		Seed: f.seed, Binary: f.binary, LogDir: f.logDir,
		Progress: live.Show,
		Note:     func(line string) { live.Println(line) },
		Timelines: func(series []figure.Series) {
			recording.results.Series = append(recording.results.Series, series...)
		},
		Finished: recording.keep,
	})
	if len(figures) == 0 {
		return err
	}
	return errors.Join(err, recording.show(cmd.OutOrStdout(), chaos.WriteTable))
}

// choose returns what the flags choose.
func (f *chaosFlags) choose() ([]chaos.Case, chaos.Size, error) {
	size := chaos.Full
	if f.quick {
		size = chaos.Quick
	}
	if err := f.results.validate(); err != nil {
		return nil, size, err
	}
	for _, n := range []struct {
		flag         string
		value, least int
		into         *int
	}{
		{"evictions", f.evictions, 1, &size.Evictions},
		{"nodes", f.nodes, 30, &size.Nodes},
		{"kills", f.kills, 1, &size.Kills},
	} {
		switch {
		case n.value == 0: // it was not given
		case n.value < n.least:
			return nil, size, fmt.Errorf("--%s=%d: must be %d or more", n.flag, n.value, n.least)
		default:
			*n.into = n.value
		}
	}
	cases, err := pick("--case", f.cases, chaos.Cases(), chaosCaseName)
	return cases, size, err
}

func chaosCaseName(c chaos.Case) string { return c.Name }
