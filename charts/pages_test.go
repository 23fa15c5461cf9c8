package charts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// example is a block of commands on a page, and what the page shows of their output.
type example struct {
	commands []string
	// output is lines that the commands print.
	output []string
}

// fenced are the blocks of a page: their language, and what is in them.
var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// examples returns the commands of a page: the blocks of console, each with the block that
// follows it, if that has no language.
func examples(t *testing.T, page string) (all []example) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	last := -1 // where the block of console ends
	for _, at := range fenced.FindAllSubmatchIndex(text, -1) {
		language, block := string(text[at[2]:at[3]]), string(text[at[4]:at[5]])
		switch {
		case language == "console":
			all = append(all, example{commands: commandsOf(block)})
			last = at[1]
		case language == "" && last >= 0 && !strings.Contains(string(text[last:at[0]]), "\n#"):
			for line := range strings.Lines(block) {
				if line = alike(line); line != "" && line != "…" {
					all[len(all)-1].output = append(all[len(all)-1].output, line)
				}
			}
			last = -1
		}
	}
	return all
}

// commandsOf returns the commands of a block, without the comments behind them.
func commandsOf(block string) (commands []string) {
	for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			commands = append(commands, line)
		}
	}
	return commands
}

// names are those of pods and nodes, which are others on every run.
var names = regexp.MustCompile(`\b(web|general|preemptible)-[0-9a-z-]+`)

// alike returns a line of output without names of pods and nodes, and without its spacing.
func alike(line string) string {
	return strings.Join(strings.Fields(names.ReplaceAllString(line, "NAME")), " ")
}

// workFolder returns a folder with what a checkout has after `make build` and `make images`,
// where commands of pages may leave files. Of the images it has the version alone: fake nodes
// pull none.
func workFolder(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"bin", "charts", "config", "docs"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	images := filepath.Join(dir, "out/images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(images, "VERSION"), []byte("v0.1.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
