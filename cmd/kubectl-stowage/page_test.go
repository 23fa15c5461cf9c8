package main

import (
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
