package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/plugins"
)

// page is where this example is explained.
const page = "../README.md"

func TestPageNamesEveryPlugin(t *testing.T) {
	for name := range plugins.NewRegistry() {
		if !strings.Contains(docstest.Read(t, page), "\n| ["+name+"](") {
			t.Errorf("%s does not list %s", page, name)
		}
	}
}

func TestPageShowsTheseFiles(t *testing.T) {
	for file, language := range map[string]string{"main.go": "go", "config.yaml": "yaml"} {
		if diff := cmp.Diff(docstest.Read(t, file), docstest.Blocks(t, page, language)[0].Text); diff != "" {
			t.Errorf("%s in %s (-file +page):\n%s", file, page, diff)
		}
	}
}

// TestPageWorks does what the page says to do: it makes a module of its own beside
// this one, builds the scheduler there, and looks at its configuration.
func TestPageWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("links a scheduler")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	beside := t.TempDir()
	if err := os.Symlink(root, filepath.Join(beside, "stowage")); err != nil {
		t.Fatal(err)
	}
	console := docstest.Blocks(t, page, "console")
	if len(console) != 1 {
		t.Fatalf("%s has %d blocks of commands, want 1", page, len(console))
	}
	out := run(t, beside, "bash", "-euo", "pipefail", "-c", console[0].Text)
	for _, want := range []string{"schedulerName: my-scheduler\n", "annotation: example.com/maintenance\n", "resourceName: stowage-scheduler\n", "kind: BinPackingArgs\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what the scheduler says of its configuration: %s", want, out)
		}
	}

	mine := filepath.Join(beside, "my-scheduler")
	// The plugin is really made, with its arguments.
	broken := strings.Replace(docstest.Read(t, "config.yaml"), "annotation: example.com/maintenance", `annotation: ""`, 1)
	if err := os.WriteFile(filepath.Join(mine, "broken.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./my-scheduler", "--config", "broken.yaml", "--master", "http://127.0.0.1:0", "--write-config-to", "/dev/stdout")
	cmd.Dir = mine
	if said, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(said), `initializing plugin \"Maintenance\": annotation: must not be empty`) {
		t.Errorf("a configuration with a wrong argument: %v: %s", err, said)
	}

	if err := os.WriteFile(filepath.Join(mine, "kustomization.yaml"), []byte(docstest.Blocks(t, page, "yaml")[1].Text), 0o600); err != nil {
		t.Fatal(err)
	}
	installed := run(t, mine, filepath.Join(root, "bin/kubectl"), "kustomize", ".")
	for _, want := range []string{"image: registry.example.com/my-scheduler:v1\n", "- schedulerName: my-scheduler\n"} {
		if !strings.Contains(installed, want) {
			t.Errorf("no %q in what is installed: %s", want, installed)
		}
	}
	if strings.Contains(installed, "schedulerName: stowage\n") {
		t.Error("stowage-scheduler's own configuration is installed too")
	}
}

// run runs a command in a folder and returns what it prints.
func run(t *testing.T, dir, command string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", command, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
