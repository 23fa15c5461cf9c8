package docs

import (
	"errors"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// guide is a page, and what the test knows about its commands.
type guide struct {
	page string
	// files are what the reader has, by the names that the page gives them.
	files map[string]string
	// before are commands that run before those with this beginning: what the reader's cluster has.
	before map[string]string
	// exits are the exit codes of commands that do not end with 0.
	exits map[string]int
	// leaves are the commands with this beginning that are not run, and why.
	leaves map[string]string
	// words are what the reader writes in place of capitals.
	words []string
	// begin runs before all commands, and end tidies up.
	begin, end string
}

// TestGuides runs the commands of pages as they are written, page by page, on one playground.
func TestGuides(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // `stowage-playground kubeconfig` finds no other playground
	environ := startPlayground(t)
	for _, g := range append(guides(t), runbooks(t)...) {
		t.Run(g.page, func(t *testing.T) { g.run(t, environ) })
	}
}

// startPlayground starts one, and returns the environment of somebody who has it as several
// contexts of ~/.kube/config.
func startPlayground(t *testing.T) []string {
	t.Helper()
	small, err := pool.Load("../config/pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	play, err := playgroundtest.Start(t.Context(), playground.Options{Pool: small})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(play.Stop)
	config, err := clientcmd.LoadFromFile(play.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	only := config.Contexts[config.CurrentContext]
	config.Contexts, config.CurrentContext = map[string]*clientcmdapi.Context{"staging": only, "CONTEXT": only}, "staging"
	home := t.TempDir()
	if err := clientcmd.WriteToFile(*config, filepath.Join(home, ".kube/config")); err != nil {
		t.Fatal(err)
	}
	return append(playgroundtest.Environ(t), "HOME="+home)
}

func (g guide) run(t *testing.T, environ []string) {
	dir := docstest.Checkout(t, "..")
	for name, text := range g.files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shell := docstest.Shell{Dir: dir, Environ: append(slices.Clone(environ), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))}
	if g.begin != "" {
		if out, err := shell.Run(t, g.begin); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	words, used := strings.NewReplacer(g.words...), map[string]bool{}
	for _, block := range docstest.Blocks(t, g.page, "console") {
		for _, command := range block.Commands() {
			if begin := beginning(g.leaves, command); begin != "" {
				used[begin] = true
				continue
			}
			if begin := beginning(g.before, command); begin != "" {
				used[begin] = true
				if out, err := shell.Run(t, g.before[begin]); err != nil {
					t.Fatalf("before %s: %v: %s", command, err, out)
				}
			}
			want := g.exits[beginning(g.exits, command)]
			used[beginning(g.exits, command)] = true
			out, err := shell.Run(t, words.Replace(command))
			if code := exitCode(err); code != want && !excused(command, out, code) {
				t.Errorf("%s: exit code %d, want %d: %s", command, code, want, out)
			}
		}
	}
	for _, known := range []iter.Seq[string]{maps.Keys(g.before), maps.Keys(g.leaves), maps.Keys(g.exits)} {
		for begin := range known {
			if !used[begin] {
				t.Errorf("the page has no command that begins with %q any more", begin)
			}
		}
	}
	if g.end != "" {
		if out, err := shell.Run(t, g.end); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}

// beginning returns the key that the command begins with, the longest of several, or "".
func beginning[V any](of map[string]V, command string) (longest string) {
	for begin := range of {
		if strings.HasPrefix(command, begin) && len(begin) > len(longest) {
			longest = begin
		}
	}
	return longest
}

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// excused says whether a command fails for what a playground does not have: the logs of fake
// nodes, or lines to find.
func excused(command, out string, code int) bool {
	return code == 1 && (strings.Contains(command, " logs ") && strings.Contains(out, "no preferred addresses found") || strings.Contains(command, "| grep") && out == "")
}
