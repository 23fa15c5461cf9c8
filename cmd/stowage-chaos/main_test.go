package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/playground/privileges"
)

const (
	program         = "stowage-chaos"
	systemNamespace = "stowage-system"
	installation    = "../../config/chaos/"
	patience        = playgroundtest.Patience
)

// nodes are in three zones, of which each has preemptible ones.
const nodes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: node, count: 6, zones: [zone-a, zone-b, zone-c], capacity: {cpu: 8, memory: 32Gi}}
- {name: spot, count: 3, zones: [zone-a, zone-b, zone-c], preemptible: karpenter, capacity: {cpu: 8, memory: 32Gi}}
`

// The playground that the tests of this package share, the log of its API server, and what reaches it: the
// administrator's client, and the kubeconfig of the service account that is installed.
var (
	play       *playground.Playground
	auditLog   *privileges.Audit
	client     kubernetes.Interface
	kubeconfig string
)

func TestMain(m *testing.M) {
	code, err := runOnPlayground(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runOnPlayground(m *testing.M) (int, error) {
	ctx := context.Background()
	nine, err := pool.Parse([]byte(nodes))
	if err != nil {
		return 0, err
	}
	if auditLog, err = privileges.New(systemNamespace); err != nil {
		return 0, err
	}
	defer auditLog.Close()
	if play, err = playgroundtest.Start(ctx, playground.Options{Pool: nine, APIServerFlags: auditLog.Flags()}); err != nil {
		return 0, err
	}
	defer play.Stop()
	if client, err = play.Client(); err != nil {
		return 0, err
	}
	if _, err := play.Kubectl(ctx, "apply", "-k", installation+"base"); err != nil {
		return 0, err
	}
	if _, err := play.Kubectl(ctx, "apply", "-f", installation+"deployment/metrics.yaml"); err != nil {
		return 0, err
	}
	// What is put back is looked for among what latency makes, too, whether or not one may.
	auditLog.Expect(program, "list", "chaos-mesh.org", "networkchaos")
	if kubeconfig, err = play.ServiceAccountKubeconfig(ctx, systemNamespace, program); err != nil {
		return 0, err
	}
	bound := []authorizationv1.ResourceAttributes{ // one of each binding
		{Verb: "list", Resource: "pods"},
		{Verb: "update", Resource: "configmaps", Namespace: systemNamespace, Name: program + "-schedule"},
		{Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"},
	}
	if err := playgroundtest.AwaitAllowed(ctx, client, systemNamespace, program, bound...); err != nil {
		return 0, err
	}
	code := m.Run()
	return code, auditLog.Check(installation, code == 0)
}

// kubectl runs the project's kubectl as the playground's administrator.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := play.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forReal are the flags by which the administrator has something done.
func forReal(journal string) []string {
	return []string{"--kubeconfig", play.Kubeconfig, "--context", play.Info.Context, "--no-dry-run", "--journal", journal}
}

// contextOf returns the one context of a kubeconfig.
func contextOf(t *testing.T, kubeconfig string) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	return config.CurrentContext
}

// command returns the program with arguments, in a folder of its own, with no cluster
// that the environment names.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = playgroundtest.Environ(t)
	return cmd
}

// ended is a program that has come to its end.
type ended struct {
	out, log string
	code     int
}

// run runs the program to its end.
func run(t *testing.T, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := command(ctx, t, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s %s does not end: %s", program, strings.Join(args, " "), log.String())
	}
	return ended{out.String(), log.String(), cmd.ProcessState.ExitCode()}
}

// want checks how the program ended, and that its log says something.
func (e ended) want(t *testing.T, code int, said ...string) {
	t.Helper()
	if e.code != code {
		t.Errorf("exit code %d, want %d: %s", e.code, code, e.log)
	}
	for _, words := range said {
		if !strings.Contains(e.log, words) {
			t.Errorf("nothing said of %q: %s", words, e.log)
		}
	}
}

// shows checks that what the program shows has some words in it.
func (e ended) shows(t *testing.T, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(e.out, word) {
			t.Errorf("it does not show %q: %s", word, e.out)
		}
	}
}

func eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	playgroundtest.Eventually(t, what, condition)
}
