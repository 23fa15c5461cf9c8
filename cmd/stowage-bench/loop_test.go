package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestLoopErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "cpu.pprof")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{
			"a workload that is not there", []string{"--workload", "plane"},
			`--workload="plane": must be one of ["plain" "job" "node-selector" "taints" "mixed" "hostname-anti-affinity" "zone-affinity" "preferred-anti-affinity" "zone-spread" "hostname-spread" "bound-claims" "wait-for-consumer" "csi-limits" "host-ports" "daemonset" "nowhere"]`,
		},
		{
			"one subject of two that is not there", []string{"--subject", "stowage", "--subject", "upstream"},
			`--subject="upstream": must be one of ["stowage" "exhaustive" "most-allocated-all" "most-allocated" "default-batching" "default" "default-fast-path"]`,
		},
		{"a number of nodes that is not offered", []string{"--nodes", "2000"}, `--nodes="2000": must be one of ["1000" "5000" "15000"]`},
		{"nodes that are no number", []string{"--nodes", "many"}, `--nodes="many": must be one of ["1000" "5000" "15000"]`},
		{"a fill that is not offered", []string{"--fill", "100"}, `--fill="100": must be one of ["0" "50" "90" "98"]`},
		{"no rounds", []string{"--rounds", "0"}, "--rounds=0: must be 1 or more"},
		{"a seed below 0", []string{"--seed=-1"}, `invalid argument "-1" for "--seed" flag`},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"a file in a folder that cannot be", []string{"--output-file", filepath.Join(file, "loop.json")}, "--output-file: mkdir " + file + ": not a directory"},
		{"quick, and nodes", []string{"--quick", "--nodes", "1000"}, "--quick: it chooses nodes and fills itself, so leave out --nodes and --fill"},
		{"quick, and fills", []string{"--quick", "--fill", "90"}, "--quick: it chooses nodes and fills itself, so leave out --nodes and --fill"},
		{
			"quick, and what it leaves out", []string{"--quick", "--workload", "taints", "--subject", "exhaustive"},
			"--subject, --workload: there is nothing to measure",
		},
		{
			"a subject, and a workload that it is not for", []string{"--workload", "plain", "--subject", "default-fast-path"},
			"--subject, --workload: there is nothing to measure: default-fast-path takes hostname-anti-affinity, and --quick leaves some out",
		},
		{
			"a profile of several cases", []string{"--workload", "plain", "--nodes", "1000", "--cpuprofile", "cpu.pprof"},
			"--cpuprofile: it takes one case, not 4: choose one by --workload, --nodes and --fill",
		},
		{
			"a profile in a folder that is not there", []string{"--workload", "zone-spread", "--nodes", "1000", "--cpuprofile", missing},
			"--cpuprofile: open " + missing + ": no such file or directory",
		},
		{"an argument", []string{"plain"}, `unknown command "plain"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"loop"}, tt.args...)...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestLoopInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := execute(t, ctx, "loop")
	if want := "Error: interrupted\n"; code != 130 || stdout != "" || stderr != want {
		t.Errorf("exit code %d, output %q, error %q, want 130 and %q", code, stdout, stderr, want)
	}
	if _, err := os.Stat(filepath.Join("out", "bench", "loop.json")); !os.IsNotExist(err) {
		t.Errorf("there are results: error %v", err)
	}
}

// TestOneCase covers that the file has what is shown.
func TestOneCase(t *testing.T) {
	code, stdout, stderr := execute(t, t.Context(), "loop", "--workload", "taints", "--nodes", "1000", "--fill", "90",
		"--subject", "default", "--rounds", "1", "--cpuprofile", "cpu.pprof", "-o", "json")
	if code != 0 {
		t.Fatalf("exit code %d, error %q", code, stderr)
	}
	written, err := os.ReadFile(filepath.Join("out", "bench", "loop.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(stdout, string(written)); diff != "" {
		t.Errorf("results (-shown +written):\n%s", diff)
	}
	results, err := figure.ReadFile(filepath.Join("out", "bench", "loop.json"))
	if err != nil {
		t.Fatal(err)
	}
	if results.Benchmark != "loop" || results.Environment.Cores == 0 || len(results.Subjects) == 0 {
		t.Errorf("what was measured, where and of whom is not all known: %+v", results)
	}
	var got []string
	for _, f := range results.Figures {
		got = append(got, strings.Join([]string{f.Case, f.Subject, f.Metric, f.Unit}, " "))
	}
	want := []string{"taints/nodes=1000/fill=90 default cpu_us_per_pod us", "taints/nodes=1000/fill=90 default allocs_per_pod count"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	if info, err := os.Stat("cpu.pprof"); err != nil || info.Size() == 0 {
		t.Errorf("the profile is %v, error %v", info, err)
	}
}

func TestLoopHelp(t *testing.T) {
	_, stdout, _ := execute(t, t.Context(), "loop", "--help")
	for _, want := range []string{"stowage-bench loop --quick", "--output-file", "out/bench/loop.json", "1000, 5000, 15000", "hostname-anti-affinity"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not mention %s:\n%s", want, stdout)
		}
	}
}
