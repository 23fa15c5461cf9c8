package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestKarpenterErrors(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a subject that is not there", []string{"--subject", "peer"}, `--subject="peer": must be one of ["default" "most-allocated" "stowage" "stowage-descheduler"]`},
		{"a policy that is not there", []string{"--policy", "Never"}, `--policy="Never": must be one of ["WhenEmpty" "WhenEmptyOrUnderutilized"]`},
		{"a seed that is not there", []string{"--seed", "4"}, `--seed="4": must be one of ["1" "2" "3"]`},
		{"a format that does not exist", []string{"-o", "yaml"}, "--output=yaml: must be one of table, json"},
		{"no file", []string{"--output-file", ""}, "--output-file is empty: omit it, or set a value"},
		{"logs in a folder that cannot be", []string{"--log-dir", "/dev/null/logs"}, "--log-dir: mkdir /dev/null: not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"karpenter"}, tt.args...)
			if !strings.Contains(tt.want, "--output-file") {
				args = append(args, "--output-file", filepath.Join(t.TempDir(), "karpenter.json"))
			}
			code, stdout, stderr := execute(t, t.Context(), args...)
			if code != exit.Refused || stdout != "" || !strings.HasPrefix(stderr, "Error: ") || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}
