package charts_test

import (
	"regexp"
	"strings"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

// shown returns the lines that a page shows of what commands print.
func shown(block docstest.Block) (lines []string) {
	for line := range strings.Lines(block.Output) {
		if line = alike(line); line != "" && line != "…" {
			lines = append(lines, line)
		}
	}
	return lines
}

// names are those of pods and nodes, which are others on every run.
var names = regexp.MustCompile(`\b(web|general|preemptible)-[0-9a-z-]+`)

// alike returns a line of output without names of pods and nodes, and without its spacing.
func alike(line string) string {
	return strings.Join(strings.Fields(names.ReplaceAllString(line, "NAME")), " ")
}
