package charts_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// firstDay are the pages with the commands of the first day, as they are read, after firstSteps,
// which is on a playground of the reader's.
var firstDay = []string{"../README.md", "../docs/install.md", "../docs/playground.md"}

const firstSteps = "../docs/first-steps.md"

// notRun are the commands of these pages that the test leaves out, and why.
var notRun = map[string]string{
	"make demo":   "minutes: internal/demo has tests",
	"make test":   "is what runs this test",
	"make images": "minutes: CI makes them",
	"make publish REGISTRY=registry.example.com/stowage":                             "takes a registry",
	"git clone https://github.com/stowage-k8s/stowage && cd stowage && make build":   "make test has built the programs",
	"bin/stowage-scheduler --kubeconfig staging.kubeconfig --bind-address 127.0.0.1": "runs until it is stopped: cmd/stowage-scheduler has tests",
	"bin/stowage-playground up":                                "the test has a playground of 20 nodes",
	"bin/stowage-playground up --pool config/pools/small.yaml": "the test has it",
	"bin/stowage-playground up --pool config/pools/large.yaml": "5,000 nodes: make bench-scale",
	"bin/stowage-playground up --kubernetes 1.34":              "minutes: make test-versions",
	"sudo bin/stowage-playground up --real-nodes 2 --nodes 20": "takes root: make test-real",
	"bin/stowage-playground down":                              "would end the test's playground: internal/playground has tests",
}

// staging is the context that the pages name.
const staging = "staging"

// TestFirstDay runs the commands of the pages as they are written, on one playground, and
// compares what they print with what the pages show.
func TestFirstDay(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // `stowage-playground kubeconfig` finds no other playground
	c := startCluster(t)
	left := map[string]bool{}
	t.Run("first steps", func(t *testing.T) {
		d := newDay(t, c)
		if steps := d.walk(t, firstSteps, left); steps > 10 {
			t.Errorf("they are %d commands, want 10 at most", steps)
		}
		c.kubectl(t, "delete", "--cascade=foreground", "-f", "../docs/web.yaml")
	})
	t.Run("pages", func(t *testing.T) {
		// The kubeconfig has no current context: a command that names none fails.
		d := newDay(t, c)
		d.Environ = append(d.Environ, "KUBECONFIG="+c.asStaging(t))
		if out, err := d.Run(t, "kubectl get nodes"); err == nil {
			t.Fatalf("a command that names no context reaches %s", out)
		}
		for _, page := range firstDay {
			d.walk(t, page, left)
		}
	})
	for command := range notRun {
		if !left[command] {
			t.Errorf("no page has the command %q any more", command)
		}
	}
}

// newDay returns somebody in a checkout, without a kubeconfig.
func newDay(t *testing.T, c *cluster) *day {
	t.Helper()
	dir := docstest.Checkout(t, "..")
	environ := append(playgroundtest.Environ(t), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	return &day{cluster: c, Shell: docstest.Shell{Dir: dir, Environ: environ}}
}

// walk runs the commands of a page, and returns how many it has. It marks those that it leaves out.
func (d *day) walk(t *testing.T, page string, left map[string]bool) (steps int) {
	t.Helper()
	for _, block := range docstest.Blocks(t, page, "console") {
		var said strings.Builder
		for _, command := range block.Commands() {
			steps++
			if notRun[command] != "" {
				left[command] = true
				continue
			}
			d.before(t, command)
			out, err := d.Run(t, command)
			if err != nil {
				t.Fatalf("%s: %s: %v: %s", page, command, err, out)
			}
			said.WriteString(out)
			d.after(t, command)
		}
		for _, want := range shown(block) {
			if !saidLine(said.String(), want) {
				t.Errorf("%s: no line is like %q after %s: %s", page, want, block.Text, said.String())
			}
		}
	}
	return steps
}

// TestPlaygroundOrNothing has the line that names a playground fail where none is up.
func TestPlaygroundOrNothing(t *testing.T) {
	const line = "KUBECONFIG=$(bin/stowage-playground kubeconfig) && export KUBECONFIG"
	shell := docstest.Shell{Dir: docstest.Checkout(t, ".."), Environ: append(playgroundtest.Environ(t), "TMPDIR="+t.TempDir())}
	if out, err := shell.Run(t, line); err == nil || !strings.Contains(out, "no playground is running") {
		t.Errorf("it says %q, error %v", out, err)
	}
	for _, page := range append(firstDay, firstSteps) {
		if strings.Contains(strings.ReplaceAll(docstest.Read(t, page), line, ""), "$(bin/stowage-playground kubeconfig)") {
			t.Errorf("%s has another line than %s", page, line)
		}
	}
}

// asStaging returns a kubeconfig in which the cluster is a context named staging, and no
// context is the current one.
func (c *cluster) asStaging(t *testing.T) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Contexts = map[string]*clientcmdapi.Context{staging: config.Contexts[config.CurrentContext]}
	config.CurrentContext = ""
	path := filepath.Join(t.TempDir(), "config")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// day is somebody at a shell.
type day struct {
	*cluster
	docstest.Shell
	// scheduler is that of the release, while it is installed.
	scheduler *process.Process
}

// before sees to what a command needs that a fake node does not do.
func (d *day) before(t *testing.T, command string) {
	t.Helper()
	if strings.HasPrefix(command, "helm uninstall ") {
		d.scheduler.Stop(context.Background(), playgroundtest.Patience) // its pods are fake
	}
}

// after checks what a command has done, beyond what it has printed.
func (d *day) after(t *testing.T, command string) {
	t.Helper()
	switch {
	case strings.HasPrefix(command, "helm install "):
		d.scheduler = d.startScheduler(t, helm4, "stowage", system)
	case strings.HasPrefix(command, "kubectl ") && strings.HasSuffix(command, " rollout status deployment web"):
		pods, err := d.client.CoreV1().Pods(metav1.NamespaceDefault).List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			t.Fatal(err)
		}
		on := map[string]int{}
		for _, pod := range pods.Items {
			on[pod.Spec.NodeName]++
		}
		if len(pods.Items) != 12 || len(on) != 1 {
			// Which scheduler has placed each, and when.
			events, err := d.client.EventsV1().Events(metav1.NamespaceDefault).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Error(err)
			}
			var placed []string
			for _, e := range events.Items {
				if e.Reason == "Scheduled" {
					placed = append(placed, fmt.Sprintf("%s %s: %s", e.EventTime.Format(time.StampMicro), e.ReportingInstance, e.Note))
				}
			}
			slices.Sort(placed)
			t.Errorf("12 pods that one node has room for are on %v:\n%s", on, strings.Join(placed, "\n"))
		}
	}
}

// saidLine says whether a line of the output is like the one that is wanted, of which the end
// may be left out.
func saidLine(out, want string) bool {
	begin, cut := strings.CutSuffix(want, "…")
	for line := range strings.Lines(out) {
		if line = alike(line); line == want || cut && strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}
