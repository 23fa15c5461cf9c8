package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/packing"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// defaultTraceDir is where traces are looked for unless told otherwise.
const defaultTraceDir = "../shared/traces"

// formats are the ways to write results.
var formats = []string{"table", "json"}

// quickTrace is the workload of the trace that a quick run replays.
const quickTrace = "openb-default"

// packingFlags are the flags of `packing`.
type packingFlags struct {
	traceDir            string
	workloads, subjects []string
	quick               bool
	seeds               int
	results             resultFlags
}

func newPackingCommand() *cobra.Command {
	flags := packingFlags{}
	cmd := &cobra.Command{
		Use:   "packing",
		Short: "Measure how much of a cluster different scores can use",
		Long: `Lets pods arrive one by one in a cluster until they have asked for 1.3 times what
it has, and measures how much got a place, how many nodes that took, and on how
small a cluster half of it would have: once for each way to score nodes, upstream's
and BinPacking's, each workload, and each of several orders of arrival.

Workloads are generated ones, always the same, and the pod lists of the OpenB
trace, 1,523 nodes with GPUs, where it is there. The results are written to a file as
well, as JSON.`,
		Example: `  stowage-bench packing --quick
  stowage-bench packing --trace-dir ~/traces --workload openb-default
  stowage-bench packing --workload uniform --subject stowage --subject random
  stowage-bench packing --seeds 3 -o json > results.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	fs.BoolVar(&flags.quick, "quick", false, "measure a choice in less than 3 minutes: one order of arrival, of the trace its default list only, and no smaller clusters")
	fs.StringVar(&flags.traceDir, "trace-dir", "", "folder that has the trace in its folder openb (default: "+defaultTraceDir+", if it is there)")
	fs.StringArrayVar(&flags.workloads, "workload", nil, "replay this workload only; may be given several times")
	fs.StringArrayVar(&flags.subjects, "subject", nil, "compare this way to score only; may be given several times: "+strings.Join(namesOf(packing.Subjects(), subjectName), ", "))
	fs.IntVar(&flags.seeds, "seeds", 10, "number of orders in which the pods arrive")
	flags.results.add(fs, "packing")
	_ = cmd.MarkFlagDirname("trace-dir")
	for flag, values := range map[string][]string{"output": formats, "subject": namesOf(packing.Subjects(), subjectName)} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

func (f *packingFlags) run(cmd *cobra.Command) error {
	if err := f.validate(cmd.Flags().Changed("seeds")); err != nil {
		return exit.Refuse(err)
	}
	subjects, err := pick("--subject", f.subjects, packing.Subjects(), subjectName)
	if err != nil {
		return exit.Refuse(err)
	}
	traces, err := loadTraces(f.traceDir)
	if err != nil {
		return exit.Refuse(err)
	}
	workloads, err := pick("--workload", f.workloads, f.offered(traces), packingWorkloadName)
	if err != nil {
		return exit.Refuse(err)
	}
	if err := f.results.prepare(""); err != nil {
		return exit.Refuse(err)
	}
	live := report.NewLive(os.Stderr)
	recording := f.results.begin("packing", f.quick, packing.Described())
	if len(traces) == 0 {
		note := "no trace in " + defaultTraceDir + ", and none given by --trace-dir: only generated workloads are there"
		live.Println(note)
		recording.results.Notes = append(recording.results.Notes, note)
	}
	err = packing.Run(cmd.Context(), workloads, subjects, packing.Options{
		Seeds: f.seeds, Compact: !f.quick,
		Progress: showProgress(live),
		Finished: func(figures []figure.Figure, series []figure.Series) error {
			recording.results.Series = series
			return recording.keep(figures)
		},
	})
	if err != nil {
		return err
	}
	return recording.show(cmd.OutOrStdout(), packing.WriteTables)
}

// validate checks the flags that no list of names goes with; seedsGiven says whether
// there is a number of seeds among them.
func (f *packingFlags) validate(seedsGiven bool) error {
	if err := f.results.validate(); err != nil {
		return err
	}
	switch {
	case f.seeds < 1:
		return fmt.Errorf("--seeds=%d: must be 1 or more", f.seeds)
	case f.quick && seedsGiven:
		return errors.New("--quick: it takes one order of arrival, so leave out --seeds")
	case f.quick:
		f.seeds = 1
	}
	return nil
}

// offered returns the workloads that there are.
func (f *packingFlags) offered(traces []packing.Workload) []packing.Workload {
	if f.quick {
		traces = slices.DeleteFunc(traces, func(w packing.Workload) bool { return w.Name != quickTrace })
	}
	return append(packing.Generated(), traces...)
}

// loadTraces returns the workloads of the trace in the folder. A folder that is not
// given need not have it.
func loadTraces(given string) ([]packing.Workload, error) {
	dir := given
	if dir == "" {
		dir = defaultTraceDir
	}
	dir = filepath.Join(dir, "openb")
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		if given == "" {
			return nil, nil
		}
		return nil, fmt.Errorf("--trace-dir=%s: it has no folder openb", given)
	}
	var traces []packing.Workload
	for _, list := range packing.OpenB {
		w, err := packing.LoadOpenB(dir, list)
		if err != nil {
			return nil, err
		}
		traces = append(traces, w)
	}
	return traces, nil
}

// showProgress returns what shows where the comparison is, a few times a second.
func showProgress(live *report.Live) func(packing.Progress) {
	var shown time.Time
	return func(p packing.Progress) {
		if now := time.Now(); now.Sub(shown) >= 200*time.Millisecond {
			live.Show(p.String())
			shown = now
		}
	}
}

// pick returns those of the given names, or all if none are given.
func pick[T any](flag string, given []string, all []T, name func(T) string) ([]T, error) {
	if len(given) == 0 {
		return all, nil
	}
	names := namesOf(all, name)
	for _, g := range given {
		if !slices.Contains(names, g) {
			return nil, fmt.Errorf("%s=%q: must be one of %q", flag, g, names)
		}
	}
	var picked []T
	for _, item := range all {
		if slices.Contains(given, name(item)) {
			picked = append(picked, item)
		}
	}
	return picked, nil
}

func namesOf[T any](all []T, name func(T) string) []string {
	var names []string
	for _, item := range all {
		names = append(names, name(item))
	}
	return names
}

func subjectName(s packing.Subject) string { return s.Name }

func packingWorkloadName(w packing.Workload) string { return w.Name }
