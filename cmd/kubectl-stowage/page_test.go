package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// TestPage runs the questions of the page, and compares the answers with those that it shows.
func TestPage(t *testing.T) {
	blocks := docstest.Blocks(t, "../../docs/kubectl-stowage.md", "console")
	t.Chdir("../..")
	answers := 0
	for _, block := range blocks {
		for _, command := range block.Commands() {
			args, is := strings.CutPrefix(command, called+" ")
			if is && strings.Contains(args, "--run ") {
				checkRun(t, args)
			}
			if !is || !strings.Contains(args, "--from-dump") {
				continue // docs has a test that runs the page by kubectl, on a cluster
			}
			out, _, code := run(strings.Fields(args)...)
			if code != 0 && code != exit.Failed {
				t.Errorf("%s: exit code %d", command, code)
			}
			if block.Output == "" {
				continue
			}
			answers++
			if diff := cmp.Diff(block.Output, out); diff != "" {
				t.Errorf("%s (-page +program):\n%s", command, diff)
			}
		}
	}
	if answers < 3 {
		t.Errorf("the page shows %d answers: does this test know it?", answers)
	}
}

// checkRun checks the flags of an upgrade that is carried out: it is refused only for the dump, or for a
// journal that is not there.
func checkRun(t *testing.T, args string) {
	t.Helper()
	words, err := exec.Command("/bin/sh", "-c", `printf '%s\n' `+args).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, failure, code := run(append(strings.Split(strings.TrimSpace(string(words)), "\n"), "--from-dump", "cmd/kubectl-stowage/"+dump)...)
	want := "--run cannot be combined with --from-dump"
	if strings.Contains(args, "--resume") {
		want = "--resume: reading the journal: open upgrade-"
	}
	if code != exit.Refused || !strings.HasPrefix(failure, want) || strings.Contains(failure, "\n") {
		t.Errorf("%s: error %s with exit code %d, want only %q", args, failure, code, want)
	}
}
