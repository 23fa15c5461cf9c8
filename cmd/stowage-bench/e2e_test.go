package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestE2EErrors(t *testing.T) {
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
			"a case that is not there", []string{"--case", "affinity"},
			`--case="affinity": must be one of ["plain" "packing" "node-affinity" "pod-anti-affinity" "pod-affinity" "preferred" "spread" "preemption" "unschedulable" "backlog" "daemonset" "two-schedulers" "two-packers"]`,
		},
		{
			"one subject of two that is not there", []string{"--subject", "stowage", "--subject", "floor"},
			`--subject="floor": must be one of ["stowage" "most-allocated-all" "default-batching" "default" "default-fast-path" "without-shared-nodes" "ceiling"]`,
		},
		{
			"a subject, and a case that it is not for", []string{"--subject", "default-fast-path", "--case", "plain"},
			"--subject, --case: there is nothing to measure: default-fast-path takes pod-anti-affinity, and without-shared-nodes two-schedulers or two-packers",
		},
		{"a number of nodes that is not offered", []string{"--nodes", "1000"}, `--nodes="1000": must be one of ["500" "5000"]`},
		{"no rounds", []string{"--rounds", "0"}, "--rounds=0: must be 1 or more"},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"logs in a folder that cannot be", []string{"--log-dir", filepath.Join(file, "logs")}, "--log-dir: mkdir " + file + ": not a directory"},
		{"quick, and nodes", []string{"--quick", "--nodes", "500"}, "--quick: it chooses nodes itself, so leave out --nodes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"e2e"}, tt.args...)...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestProgramsThatCannotBeFound(t *testing.T) {
	for _, args := range [][]string{{"e2e", "--case", "plain"}, {"deschedule", "--case", "skew", "--subject", "peer"}} {
		code, stdout, stderr := execute(t, t.Context(), args...)
		if want := "not in a checkout of the project"; code != exit.Error || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit code %d, output %q, error %q, want exit code 1 and %s", args[0], code, stdout, stderr, want)
		}
	}
}
