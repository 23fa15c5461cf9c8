package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestScaleErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a step that is not there", []string{"--step", "load"}, `--step="load": must be one of ["idle" "schedule" "memory" "evict" "plan" "zone"]`},
		{"too few nodes", []string{"--nodes", "29"}, "--nodes=29: must be 30 or more"},
		{"too few pods", []string{"--nodes", "100", "--pods", "999"}, "--pods=999: must be from 1000 to 4000 on 100 nodes"},
		{"more pods than fit without a zone", []string{"--quick", "--pods", "12001"}, "--pods=12001: must be from 3000 to 12000 on 300 nodes"},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"logs in a folder that cannot be", []string{"--log-dir", filepath.Join(file, "logs")}, "--log-dir: mkdir " + file + ": not a directory"},
		{"an argument", []string{"zone"}, `unknown command "zone"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"scale"}, tt.args...)
			if !strings.Contains(tt.want, "--output-file") {
				args = append(args, "--output-file", filepath.Join(t.TempDir(), "scale.json"))
			}
			code, stdout, stderr := execute(t, t.Context(), args...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}

func TestScaleHelp(t *testing.T) {
	_, stdout, _ := execute(t, t.Context(), "scale", "--help")
	for _, want := range []string{"stowage-bench scale --quick", "out/bench/scale.json", "150,000", "idle, schedule, memory, evict, plan, zone"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not mention %s:\n%s", want, stdout)
		}
	}
}
