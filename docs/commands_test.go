package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

// runBy says which tests run the commands of a page as they are written, as FOLDER TEST. Each of
// them lists the commands that it leaves out, and why.
var runBy = map[string][]string{
	"README.md":                          {"charts TestFirstDay"},
	"chaos/README.md":                    {"docs TestGuides", "chaos/example TestPageWorks"},
	"chaos/scenario/README.md":           {"docs TestGuides"},
	"charts/stowage/README.md":           {"docs TestGuides"},
	"config/monitoring/README.md":        {"docs TestGuides"},
	"descheduler/README.md":              {"docs TestGuides", "descheduler/example TestPageWorks"},
	"descheduler/policy/README.md":       {"docs TestGuides"},
	"descheduler/strategies/README.md":   {"docs TestGuides"},
	"docs/first-steps.md":                {"charts TestFirstDay"},
	"docs/install.md":                    {"charts TestFirstDay"},
	"docs/kubectl-stowage.md":            {"docs TestGuides", "cmd/kubectl-stowage TestPage"},
	"docs/make-before-break.md":          {"docs TestGuides"},
	"docs/playground.md":                 {"charts TestFirstDay"},
	"docs/runbooks/":                     {"docs TestGuides"},
	"docs/scheduler.md":                  {"docs TestGuides"},
	"plugins/README.md":                  {"plugins/example TestPageWorks"},
	"plugins/candidatenodes/README.md":   {"docs TestGuides"},
	"plugins/preemptiblenodes/README.md": {"docs TestGuides"},
}

// notRun are pages with commands that no test can run, and why.
var notRun = map[string]string{
	"chaos/COMING-FROM.md": "other tools, and commands that run in a pod: TestCommandLinesOfThePages in chaos/example parses them",
	"docs/images.md":       "containerd and kind: hack/test-images.sh imports the images into containerd",
}

// TestEveryCommandIsRun covers that a test runs the commands of each page, or that there is a
// reason why none can. Of make it checks the targets: CI calls them.
func TestEveryCommandIsRun(t *testing.T) {
	makefile := docstest.Read(t, "../Makefile")
	target := regexp.MustCompile(`^(?:sudo )?make((?: [a-z-]+)*)(?: [A-Z]+=.*)?$`)
	seen := map[string]bool{}
	for _, page := range pages(t) {
		for _, block := range docstest.Blocks(t, filepath.Join("..", page), "") {
			switch block.Language {
			case "bash", "sh", "shell":
				t.Errorf("%s: a block of %s: commands stand in blocks of console", page, block.Language)
			case "console":
				for _, command := range block.Commands() {
					called := target.FindStringSubmatch(command)
					if called == nil {
						seen[covered(t, page, command, seen)] = true
						continue
					}
					for _, name := range strings.Fields(called[1]) {
						if !strings.Contains(makefile, "\n"+name+":") {
							t.Errorf("%s: %s: there is no such target", page, command)
						}
					}
				}
			}
		}
	}
	for page := range runBy {
		if !seen[page] {
			t.Errorf("%s has no commands any more", page)
		}
	}
	for page := range notRun {
		if !seen[page] {
			t.Errorf("%s has no commands any more", page)
		}
	}
}

// covered returns the key under which a page is listed, and checks that its tests are there unless
// the key has been seen.
func covered(t *testing.T, page, command string, seen map[string]bool) string {
	t.Helper()
	if notRun[page] != "" {
		return page
	}
	key := page
	if folder := filepath.Dir(page) + "/"; runBy[folder] != nil {
		key = folder
	}
	if seen[key] {
		return key
	}
	tests := runBy[key]
	if len(tests) == 0 {
		t.Errorf("%s: no test runs %q", page, command)
	}
	for _, test := range tests {
		folder, name, _ := strings.Cut(test, " ")
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var sources strings.Builder
		for _, file := range files {
			sources.WriteString(docstest.Read(t, file))
		}
		relative, err := filepath.Rel(folder, filepath.Dir(key+"x"))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.ToSlash(relative)
		if key == page {
			path = filepath.ToSlash(filepath.Join(relative, filepath.Base(key)))
		}
		if !strings.Contains(sources.String(), "func "+name+"(") || !strings.Contains(sources.String(), path) {
			t.Errorf("%s: there is no %s in %s that reads %s", page, name, folder, path)
		}
	}
	return key
}

// pages returns all pages of the project.
func pages(t *testing.T) (all []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "../.git" || path == "../out" || path == "../bin"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			all = append(all, strings.TrimPrefix(filepath.ToSlash(path), "../"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../README.md"); err != nil || len(all) < 50 {
		t.Fatalf("there are %d pages: does this test know where they are? %v", len(all), err)
	}
	return all
}
