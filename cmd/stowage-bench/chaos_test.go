package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestChaosErrors(t *testing.T) {
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
			"a case that is not there", []string{"--case", "evict"},
			`--case="evict": must be one of ["evict-random" "replay" "zone-loss" "spot-storm" "spot-storm-drained" "kill-9" "decision"]`,
		},
		{"fewer nodes than a block of workloads takes", []string{"--nodes", "29"}, "--nodes=29: must be 30 or more"},
		{"fewer evictions than one", []string{"--evictions", "-1"}, "--evictions=-1: must be 1 or more"},
		{"fewer kills than one", []string{"--kills", "-5"}, "--kills=-5: must be 1 or more"},
		{"a seed below 0", []string{"--seed=-1"}, `invalid argument "-1" for "--seed" flag`},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"a file in a folder that cannot be", []string{"--output-file", filepath.Join(file, "chaos.json")}, "--output-file: mkdir " + file + ": not a directory"},
		{"logs in a folder that cannot be", []string{"--log-dir", filepath.Join(file, "logs")}, "--log-dir: mkdir " + file + ": not a directory"},
		{"an argument", []string{"evict"}, `unknown command "evict"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"chaos"}, tt.args...)
			if !strings.Contains(tt.want, "--output-file") {
				args = append(args, "--output-file", filepath.Join(t.TempDir(), "chaos.json"))
			}
			code, stdout, stderr := execute(t, t.Context(), args...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestChaosHelp(t *testing.T) {
	_, stdout, _ := execute(t, t.Context(), "chaos", "--help")
	for _, want := range []string{"stowage-bench chaos --quick", "out/bench/chaos.json", "spot-storm-drained", "10,000", "SIGKILL"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not mention %s:\n%s", want, stdout)
		}
	}
}
