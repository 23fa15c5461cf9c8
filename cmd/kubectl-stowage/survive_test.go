package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestPatchesAreWrittenButNotOverThoseOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "survive")
	args := strings.Fields("survive -l app=web --losses zone --from-dump " + dump + " --patches " + dir)
	for range 2 {
		if _, failure, code := run(args...); code != exit.Failed {
			t.Fatalf("exit code %d, error %q", code, failure)
		}
	}
	budget, err := os.ReadFile(filepath.Join(dir, "poddisruptionbudget-shop.web.yaml"))
	if err != nil || !strings.Contains(string(budget), "maxUnavailable: 2") {
		t.Errorf("the patch is %s, error %v", budget, err)
	}
	mine := filepath.Join(dir, "kustomization.yaml")
	if err := os.WriteFile(mine, []byte("resources: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, failure, code := run(args...)
	if want := "--patches: " + mine + ": was not written by this command, and is not overwritten: choose another folder"; failure != want || code != exit.Refused {
		t.Errorf("exit code %d, error %q, want %q", code, failure, want)
	}
}
