package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// replica is a descheduler that runs as in the installed Deployment, and where it is
// found.
type replica struct {
	*process.Process
	url, report string
}

func (r *replica) planned() bool {
	_, err := os.Stat(r.report)
	return err == nil
}

// startReplica starts one, and ends it with the test. It keeps its lease even where it gets
// hardly any processor time: no test waits for the end of the lease, since it is given back.
func startReplica(t *testing.T, name, kubeconfig string, args []string) *replica {
	t.Helper()
	port := playgroundtest.Port(t)
	r := &replica{url: "https://127.0.0.1:" + port, report: filepath.Join(t.TempDir(), "report")}
	var err error
	r.Process, err = play.StartProgram(program, strings.ReplaceAll(t.Name(), "/", "-")+"-"+name, slices.Concat(args, []string{
		"--kubeconfig", kubeconfig, "--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", port, "--output-file", r.report,
		"--leader-elect-lease-duration", "10m", "--leader-elect-renew-deadline", "9m", "--leader-elect-retry-period", "200ms",
	})...)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, r.Process)
	return r
}

// deployed returns the pod of the installed Deployment.
func deployed(t *testing.T) corev1.PodSpec {
	t.Helper()
	deployment := &appsv1.Deployment{}
	rendered(t, "deployment", "Deployment", deployment)
	return deployment.Spec.Template.Spec
}

// TestElection runs two replicas as they are installed, of which one leads.
func TestElection(t *testing.T) {
	pod := deployed(t)
	args, token := argsOf(t, pod), playgroundtest.MetricsToken(t, client)
	first := startReplica(t, "first", kubeconfig, args)
	eventually(t, "the first has made a plan", func(context.Context) (bool, string) { return first.planned(), first.LogTail(3) })
	holder := leader(t)
	second := startReplica(t, "second", kubeconfig, args)
	for _, r := range []*replica{first, second} {
		for _, probe := range []*corev1.Probe{pod.Containers[0].LivenessProbe, pod.Containers[0].ReadinessProbe} {
			eventually(t, probe.HTTPGet.Path+" answers", func(ctx context.Context) (bool, string) { return r.answers(ctx, probe.HTTPGet.Path, "") })
		}
		eventually(t, "the metrics can be read", func(ctx context.Context) (bool, string) { return r.answers(ctx, "/metrics", token) })
	}
	eventually(t, "the second knows who leads", func(context.Context) (bool, string) { return second.logged("New leader", holder) })
	if second.planned() || leader(t) != holder {
		t.Errorf("%s leads after %s, and a replica that does not lead has planned: %t", leader(t), holder, second.planned())
	}

	first.Stop(t.Context(), patience)
	if err := first.Err(); err != nil {
		t.Error(err)
	}
	eventually(t, "the second leads", func(context.Context) (bool, string) { return second.planned(), second.LogTail(3) })
	if now := leader(t); now == "" || now == holder {
		t.Errorf("%q leads after %q", now, holder)
	}
}

// leader returns who holds the lease.
func leader(t *testing.T) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases(systemNamespace).Get(t.Context(), program, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return *lease.Spec.HolderIdentity
}

// answers says whether a path of the secure port is there for who has the token, or has none.
func (r *replica) answers(ctx context.Context, path, token string) (bool, string) {
	code, body := playgroundtest.Get(ctx, r.url+path, token)
	return code == http.StatusOK, fmt.Sprint(code, body)
}

// logged says whether a line of the log, of the last ones, has all the words.
func (r *replica) logged(words ...string) (bool, string) {
	tail := r.LogTail(100)
	for line := range strings.SplitSeq(tail, " | ") {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return true, ""
		}
	}
	return false, tail
}
