package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

// TestParts checks that there is a command for each part, and that it takes what it is given.
func TestParts(t *testing.T) {
	for _, p := range parts() {
		cmd, _, err := newCommand().Find([]string{p.name})
		if err != nil || cmd.Name() != p.name {
			t.Errorf("%s: there is no such command (error %v)", p.name, err)
			continue
		}
		if err := cmd.ParseFlags(append([]string{"--output-file", "results.json"}, p.args...)); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

func TestAllErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a folder that cannot be", []string{"--results-dir", filepath.Join(file, "results")}, "--results-dir: mkdir " + file + ": not a directory"},
		{"an argument", []string{"loop"}, `unknown command "loop"`},
	} {
		code, _, stderr := execute(t, t.Context(), append([]string{"all"}, tt.args...)...)
		if code != exit.Refused || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit code %d, error %q, want %q", tt.name, code, stderr, tt.want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, _ := execute(t, ended, "all", "--results-dir", t.TempDir()); code != exit.Interrupted {
		t.Errorf("interrupted: exit code %d, want %d", code, exit.Interrupted)
	}
}
