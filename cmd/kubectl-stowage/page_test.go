package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPage runs the commands of the page that have an output there.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/kubectl-stowage.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("```console\nkubectl stowage ([^\n]*)\n```\n\n```\n([^`]*)```").FindAllStringSubmatch(string(page), -1)
	if len(examples) < 3 {
		t.Fatalf("there are %d examples: does this test know the page?", len(examples))
	}
	t.Chdir("../..")
	for _, example := range examples {
		out, _, _ := run(strings.Fields(example[1])...)
		if diff := cmp.Diff(example[2], out); diff != "" {
			t.Errorf("%s (-page +program):\n%s", example[1], diff)
		}
	}
}
