package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestScalingErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a workload that is not measured", []string{"--workload", "taints"}, `--workload="taints": must be one of ["plain" "mixed" "zone-affinity" "hostname-anti-affinity"]`},
		{"a subject that is not measured", []string{"--subject", "most-allocated"}, `--subject="most-allocated": must be one of ["stowage" "default-batching" "most-allocated-all" "exhaustive"]`},
		{"a number of nodes that is not offered", []string{"--nodes", "5000"}, `--nodes="5000": must be one of ["1000" "3000" "10000" "30000" "100000"]`},
		{"no rounds", []string{"--rounds", "0"}, "--rounds=0: must be 1 or more"},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"what exhaustive does not take", []string{"--nodes", "30000", "--subject", "exhaustive"}, "--subject, --workload, --nodes: there is nothing to measure"},
		{"quick, and what it leaves out", []string{"--quick", "--nodes", "100000"}, "--subject, --workload, --nodes: there is nothing to measure"},
		{"an argument", []string{"plain"}, `unknown command "plain"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"scaling"}, tt.args...)...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

// TestScaling covers that a run of two sizes has an exponent, a series and memory.
func TestScaling(t *testing.T) {
	code, stdout, stderr := execute(t, t.Context(), "scaling", "--workload", "plain", "--nodes", "1000", "--nodes", "3000", "--subject", "stowage", "--rounds", "2")
	if code != 0 || !strings.HasPrefix(stdout, "CPU time per pod") {
		t.Fatalf("exit code %d, output %q, error %q", code, stdout, stderr)
	}
	results, err := figure.ReadFile(filepath.Join("out", "bench", "scaling.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range results.Figures {
		if !slices.Contains(got, f.Metric) {
			got = append(got, f.Metric)
		}
	}
	want := []string{
		"cpu_us_per_pod", "allocs_per_pod", "first_pod_ms", "heap_mib", "exponent", "scheduler_bytes_per_node", "scheduler_bytes_per_pod", "stored_bytes", "informer_bytes", "decoding_us",
	}
	slices.Sort(got)
	slices.Sort(want)
	// With two sizes there is nothing that a power law could miss.
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if len(results.Series) != 2 || results.Benchmark != "scaling" {
		t.Errorf("the results of %q have %d series, want 2: empty and nearly full", results.Benchmark, len(results.Series))
	}
}

func TestScalingInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, stdout, stderr := execute(t, ctx, "scaling")
	if want := "Error: interrupted\n"; code != 130 || stdout != "" || stderr != want {
		t.Errorf("exit code %d, output %q, error %q, want 130 and %q", code, stdout, stderr, want)
	}
}
