package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/plugins"
)

// page is where this example is explained, and block what it quotes.
const page = "../README.md"

var block = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// quoted returns what the page quotes of a language, in its order.
func quoted(t *testing.T, language string) []string {
	t.Helper()
	var found []string
	for _, match := range block.FindAllStringSubmatch(read(t, page), -1) {
		if match[1] == language {
			found = append(found, match[2])
		}
	}
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestPageNamesEveryPlugin(t *testing.T) {
	for name := range plugins.NewRegistry() {
		if !strings.Contains(read(t, page), "\n| ["+name+"](") {
			t.Errorf("%s does not list %s", page, name)
		}
	}
}

func TestPageShowsTheseFiles(t *testing.T) {
	for file, language := range map[string]string{"main.go": "go", "config.yaml": "yaml"} {
		if diff := cmp.Diff(read(t, file), quoted(t, language)[0]); diff != "" {
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
	console := quoted(t, "console")
	if len(console) != 1 {
		t.Fatalf("%s has %d blocks of commands, want 1", page, len(console))
	}
	out := run(t, beside, "bash", "-euo", "pipefail", "-c", console[0])
	for _, want := range []string{"schedulerName: my-scheduler\n", "annotation: example.com/maintenance\n", "resourceName: stowage-scheduler\n", "kind: BinPackingArgs\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what the scheduler says of its configuration: %s", want, out)
		}
	}

	mine := filepath.Join(beside, "my-scheduler")
	// The plugin is really made, with its arguments.
	broken := strings.Replace(read(t, "config.yaml"), "annotation: example.com/maintenance", `annotation: ""`, 1)
	if err := os.WriteFile(filepath.Join(mine, "broken.yaml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "./my-scheduler", "--config", "broken.yaml", "--master", "http://127.0.0.1:0", "--write-config-to", "/dev/stdout")
	cmd.Dir = mine
	if said, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(said), `initializing plugin \"Maintenance\": annotation: must not be empty`) {
		t.Errorf("a configuration with a wrong argument: %v: %s", err, said)
	}

	if err := os.WriteFile(filepath.Join(mine, "kustomization.yaml"), []byte(quoted(t, "yaml")[1]), 0o600); err != nil {
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
