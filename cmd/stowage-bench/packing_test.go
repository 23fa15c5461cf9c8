package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/packing"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// execute runs the program in an empty folder and returns its exit code and what it
// writes.
func execute(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	cmd := newCommand()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	code = run(ctx, cmd)
	return code, out.String(), errs.String()
}

func TestErrors(t *testing.T) {
	empty := t.TempDir()
	half := t.TempDir()
	if err := os.Mkdir(filepath.Join(half, "openb"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{
			"a workload that is not there", []string{"--workload", "uniforn"},
			`--workload="uniforn": must be one of ["uniform" "bimodal" "cpu-heavy" "memory-heavy" "cpu-and-memory-heavy" "gpu"]`,
		},
		{
			"a workload of the trace, without the trace", []string{"--workload", "openb-default"},
			`--workload="openb-default": must be one of ["uniform"`,
		},
		{
			"one subject of two that is not there", []string{"--subject", "stowage", "--subject", "best-fit"},
			`--subject="best-fit": must be one of ["stowage" "most-allocated-all" "least-allocated" "requested-to-capacity-ratio" "random" "best-fit-last-resort"`,
		},
		{"no seeds", []string{"--seeds", "0"}, "--seeds=0: must be 1 or more"},
		{"quick, and seeds", []string{"--quick", "--seeds", "1"}, "--quick: it takes one order of arrival, so leave out --seeds"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"a folder without the trace", []string{"--trace-dir", empty}, "--trace-dir=" + empty + ": it has no folder openb"},
		{"a trace without its files", []string{"--trace-dir", half}, filepath.Join(half, "openb", "openb_node_list_all_node.csv") + ": no such file or directory"},
		{"an argument", []string{"uniform"}, `unknown command "uniform"`},
		{"a flag that does not exist", []string{"--seed", "1"}, "unknown flag: --seed (did you mean \"--seeds\"?) (see stowage-bench packing --help)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"packing"}, tt.args...)...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := execute(t, ctx, "packing")
	if want := "Error: interrupted\n"; code != 130 || stdout != "" || stderr != want {
		t.Errorf("exit code %d, output %q, error %q, want 130 and %q", code, stdout, stderr, want)
	}
}

// TestOneReplay covers that the file has what is shown.
func TestOneReplay(t *testing.T) {
	code, stdout, stderr := execute(t, t.Context(), "packing", "--quick", "--workload", "uniform", "--subject", "dot-product-last-resort", "-o", "json")
	if code != 0 {
		t.Fatalf("exit code %d, error %q", code, stderr)
	}
	written, err := os.ReadFile(filepath.Join("out", "bench", "packing.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stdout, string(written)); diff != "" {
		t.Errorf("results (-shown +written):\n%s", diff)
	}
	results, err := figure.ReadFile(filepath.Join("out", "bench", "packing.json"))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := figure.Find(results.Figures, "uniform/300", "dot-product-last-resort", "allocated")
	if !results.Quick || len(results.Notes) != 1 || len(results.Series) != 2 || len(got.Samples) != 1 || got.Value < 90 {
		t.Errorf("results %+v, want one replay without the trace, nearly full", results)
	}
}

func TestHelp(t *testing.T) {
	_, stdout, _ := execute(t, t.Context(), "packing", "--help")
	for _, want := range []string{"stowage-bench packing --seeds 3 -o json > results.json", "out/bench/packing.json", "random", "--trace-dir", "../shared/traces"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not mention %s:\n%s", want, stdout)
		}
	}
}

func TestLoadTraces(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if traces, err := loadTraces(""); err != nil || traces != nil {
		t.Errorf("%d workloads and error %v where nothing is given and nothing there, want none", len(traces), err)
	}
	openb := filepath.Join(dir, "traces", "openb")
	if err := os.MkdirAll(openb, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(openb, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("openb_node_list_all_node.csv", "sn,cpu_milli,memory_mib,gpu,model\nn1,32000,1024,0,\n")
	for _, list := range packing.OpenB {
		write("openb_pod_list_"+list+".csv", "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np1,1500,64,0,0\n")
	}
	traces, err := loadTraces("traces")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"openb-default", "openb-cpu100", "openb-multigpu20"}
	if diff := cmp.Diff(want, namesOf(traces, func(w packing.Workload) string { return w.Name })); diff != "" {
		t.Errorf("workloads (-want +got):\n%s", diff)
	}
}
