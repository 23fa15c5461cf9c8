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

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/playground/privileges"
)

const (
	program         = "stowage-descheduler"
	systemNamespace = "stowage-system"
	installation    = "../../config/descheduler/"
	shippedPolicy   = installation + "base/policy.yaml"
	patience        = playgroundtest.Patience
)

// nodes are four, of which the first one gets crowded.
const nodes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: node, count: 4, zones: [zone-a, zone-b], capacity: {cpu: 8, memory: 32Gi}}
`

// The playground that the tests of this package share, the log of its API server, and what reaches it: the
// administrator's client, and the kubeconfig of the descheduler's service account.
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
	four, err := pool.Parse([]byte(nodes))
	if err != nil {
		return 0, err
	}
	if auditLog, err = privileges.New(systemNamespace); err != nil {
		return 0, err
	}
	defer auditLog.Close()
	if play, err = playgroundtest.Start(ctx, playground.Options{Pool: four, APIServerFlags: auditLog.Flags()}); err != nil {
		return 0, err
	}
	defer play.Stop()
	if client, err = play.Client(); err != nil {
		return 0, err
	}
	// What all ways to install it have in common, and what one of them takes besides.
	if _, err := play.Kubectl(ctx, "apply", "-k", installation+"base"); err != nil {
		return 0, err
	}
	if _, err := play.Kubectl(ctx, "apply", "-f", installation+"deployment/election.yaml", "-f", installation+"deployment/metrics.yaml"); err != nil {
		return 0, err
	}
	if kubeconfig, err = play.ServiceAccountKubeconfig(ctx, systemNamespace, program); err != nil {
		return 0, err
	}
	bound := []authorizationv1.ResourceAttributes{ // one of each binding
		{Verb: "list", Resource: "nodes"},
		{Verb: "update", Resource: "configmaps", Namespace: systemNamespace, Name: program},
		{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: systemNamespace, Name: program},
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

// ended is a program that has come to its end.
type ended struct {
	out, log string
	code     int
}

// run runs the descheduler to its end.
func run(t *testing.T, args ...string) ended {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = playgroundtest.Environ(t)
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

func eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	playgroundtest.Eventually(t, what, condition)
}

func namespace(t *testing.T) string {
	t.Helper()
	return playgroundtest.Namespace(t, client)
}
