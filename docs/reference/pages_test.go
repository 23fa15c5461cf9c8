// Package reference generates the pages in its folder from the code, and checks that they are up
// to date.
package reference

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the pages anew")

// isPage compares a page with what it should have, or writes it anew if asked to.
func isPage(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("docs/reference/%s is out of date: run `make generate` (-code +page):\n%s", file, diff)
	}
}

// TestIndexHasEveryPage covers that README.md links to all pages of the folder.
func TestIndexHasEveryPage(t *testing.T) {
	index, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range slices.DeleteFunc(pages, func(page string) bool { return page == "README.md" }) {
		if !strings.Contains(string(index), "("+page+")") {
			t.Errorf("README.md does not link to %s", page)
		}
	}
}

// cell returns a text as a cell of a table: < would begin HTML, and | would end the cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", `\<`, "\n", "<br>").Replace(strings.TrimSpace(text))
}

// code returns a text as code in a cell, if it is not empty.
func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(text, "|", `\|`) + "`"
}
