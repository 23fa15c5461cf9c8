package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/benchmarks/packing"
	"github.com/stowage-k8s/stowage/internal/report"
)

// defaultTraceDir is where traces are looked for unless told otherwise.
const defaultTraceDir = "../shared/traces"

// formats are the ways to write results.
var formats = []string{"table", "json"}

// packingFlags are the flags of `packing`.
type packingFlags struct {
	traceDir            string
	workloads, subjects []string
	seeds               int
	output              string
}

func newPackingCommand() *cobra.Command {
	flags := packingFlags{}
	cmd := &cobra.Command{
		Use:   "packing",
		Short: "Measure how much of a cluster different scores can use",
		Long: `Lets pods arrive one by one in a cluster until they have asked for 1.3 times what
it has, and measures how much got a place, and how many nodes that took: once for
each way to score nodes, upstream's and BinPacking's, and each workload.

Workloads are generated ones, always the same, and the pod lists of the OpenB
trace, 1,523 nodes with GPUs, where it is there.`,
		Example: `  stowage-bench packing
  stowage-bench packing --trace-dir ~/traces --workload "openb default"
  stowage-bench packing --workload uniform --subject "stowage BestFit" --subject "stowage DotProduct"
  stowage-bench packing --seeds 5 -o json > results.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&flags.traceDir, "trace-dir", "", "folder that has the trace in its folder openb (default: "+defaultTraceDir+", if it is there)")
	fs.StringArrayVar(&flags.workloads, "workload", nil, "replay this workload only; may be given several times")
	fs.StringArrayVar(&flags.subjects, "subject", nil, "compare this way to score only; may be given several times")
	fs.IntVar(&flags.seeds, "seeds", 1, "number of orders in which the pods arrive")
	fs.StringVarP(&flags.output, "output", "o", formats[0], "format of the results: "+strings.Join(formats, " or "))
	_ = cmd.MarkFlagDirname("trace-dir")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("subject", cobra.FixedCompletions(namesOf(packing.Subjects(), subjectName), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *packingFlags) run(cmd *cobra.Command) error {
	if !slices.Contains(formats, f.output) {
		return fmt.Errorf("--output=%s: must be one of %s", f.output, strings.Join(formats, ", "))
	}
	if f.seeds < 1 {
		return fmt.Errorf("--seeds=%d: must be 1 or more", f.seeds)
	}
	subjects, err := pick("--subject", f.subjects, packing.Subjects(), subjectName)
	if err != nil {
		return err
	}
	live := report.NewLive(os.Stderr)
	traces, err := loadTraces(f.traceDir)
	if err != nil {
		return err
	}
	if len(traces) == 0 {
		live.Println("no trace in " + defaultTraceDir + ", and none given by --trace-dir: only generated workloads are there")
	}
	workloads, err := pick("--workload", f.workloads, append(packing.Generated(), traces...), func(w packing.Workload) string { return w.Name })
	if err != nil {
		return err
	}
	begin := time.Now()
	var all []packing.Result
	err = packing.Run(cmd.Context(), workloads, subjects, f.seeds, showProgress(live), func(results []packing.Result) error {
		all = append(all, results...)
		live.Println(fmt.Sprintf("%d replays in %s", len(all), time.Since(begin).Round(time.Second)))
		if f.output == "json" {
			return nil
		}
		return packing.WriteTable(cmd.OutOrStdout(), results)
	})
	if err != nil {
		return err
	}
	if f.output == "json" {
		return packing.WriteJSON(cmd.OutOrStdout(), all)
	}
	return packing.WriteLegend(cmd.OutOrStdout(), f.seeds)
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
