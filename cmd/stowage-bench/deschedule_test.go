package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestDescheduleErrors(t *testing.T) {
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
			"a case that is not there", []string{"--case", "skewed"},
			`--case="skewed": must be one of ["skew" "mixed-sizes" "prefers-hot" "gpu-trap" "tight-budgets" "no-downtime" "duplicates" "zone-returns" "consolidate" "plan" "plan-default-scheduler"]`,
		},
		{
			"one subject of two that is not there", []string{"--subject", "stowage", "--subject", "descheduler"},
			`--subject="descheduler": must be one of ["stowage" "peer-nodefit" "peer" "stowage-evict"]`,
		},
		{"a number of nodes that is not offered", []string{"--nodes", "100"}, `--nodes="100": must be one of ["200" "1000" "5000"]`},
		{"a number of nodes that the case is not measured at", []string{"--case", "skew", "--nodes", "5000"}, `--nodes: none of the cases ["skew"] is measured at [5000]`},
		{"a seed below 0", []string{"--seed=-1"}, `invalid argument "-1" for "--seed" flag`},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"a file in a folder that cannot be", []string{"--output-file", filepath.Join(file, "deschedule.json")}, "--output-file: mkdir " + file + ": not a directory"},
		{"logs in a folder that cannot be", []string{"--log-dir", filepath.Join(file, "logs")}, "--log-dir: mkdir " + file + ": not a directory"},
		{"quick, and nodes", []string{"--quick", "--nodes", "200"}, "--quick: it chooses nodes itself, so leave out --nodes"},
		{"a plan by a subject that makes none", []string{"--case", "plan", "--subject", "peer"}, "no subject takes part in any of the cases"},
		{"an argument", []string{"skew"}, `unknown command "skew"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"deschedule"}, tt.args...)...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestDescheduleHelp(t *testing.T) {
	_, stdout, _ := execute(t, t.Context(), "deschedule", "--help")
	for _, want := range []string{"stowage-bench deschedule --quick", "hack/peers.sh", "out/bench/deschedule.json", "200, 1000, 5000", "zone-returns", "peer-nodefit"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not mention %s:\n%s", want, stdout)
		}
	}
}
