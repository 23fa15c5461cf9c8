package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// watcher is the service account of watch.
const watcher = "stowage-watch"

// TestWatch watches with the rights that are installed for it, while a budget comes to forbid the loss
// of a node, and allows it again.
func TestWatch(t *testing.T) {
	kubectl(t, "apply", "-f", installation+"watch/rbac.yaml")
	account, err := play.ServiceAccountKubeconfig(t.Context(), systemNamespace, watcher)
	if err != nil {
		t.Fatal(err)
	}
	bound := []authorizationv1.ResourceAttributes{{Verb: "list", Resource: "pods"}, {Verb: "create", Group: "authentication.k8s.io", Resource: "tokenreviews"}}
	if err := playgroundtest.AwaitAllowed(t.Context(), client, systemNamespace, watcher, bound...); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"create", "update", "patch", "delete"} {
		may, err := playgroundtest.Allowed(t.Context(), client, systemNamespace, watcher, authorizationv1.ResourceAttributes{Verb: verb, Resource: "pods"})
		if err != nil || may {
			t.Errorf("it may %s pods: %t, error %v", verb, may, err)
		}
	}
	s := newShop(t)
	allow := func(unavailable string) {
		t.Helper()
		patch := fmt.Appendf(nil, `{"spec": {"maxUnavailable": %s}}`, unavailable)
		if _, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Patch(t.Context(), web, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	allow(`"100%"`)
	port, token := playgroundtest.Port(t), playgroundtest.MetricsToken(t, client)
	p := start(t, "watch", "--kubeconfig", account, "--losses", "node", "--namespace", s.namespace,
		"--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", port)
	serves := func(path string, has, lacks string) {
		t.Helper()
		eventually(t, fmt.Sprintf("it serves %q, and not %q", has, lacks), func(ctx context.Context) (bool, string) {
			code, body := playgroundtest.Get(ctx, "https://127.0.0.1:"+port+path, token)
			ok := code == http.StatusOK && strings.Contains(body, has) && (lacks == "" || !strings.Contains(body, lacks))
			return ok, fmt.Sprint(code, " ", p.LogTail(5))
		})
	}
	serves("/healthz", "ok", "")
	lost := fmt.Sprintf("stowage_survives{loss=%q} 0", "node/"+s.node(t))
	serves("/metrics", `stowage_watch_losses{kind="node",survived="no"} 0`, lost)
	allow("0")
	serves("/metrics", lost, `stowage_watch_losses{kind="node",survived="no"} 0`)
	serves("/metrics", fmt.Sprintf("stowage_floor_ratio{loss=%q,workload=%q}", "node/"+s.node(t), "Deployment "+s.namespace+"/web"), "")
	allow(`"100%"`)
	serves("/metrics", `stowage_watch_losses{kind="node",survived="no"} 0`, lost)
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, p)
	if err := p.Err(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	said := p.LogTail(100)
	for _, want := range []string{
		"losses are survived.", "watching for changes",
		fmt.Sprintf("node %s can no longer be lost: Deployment %s/web: budget %[2]s/web allows no disruption, and 1 pod is lost at once", s.node(t), s.namespace),
		fmt.Sprintf("node %s can be lost again", s.node(t)),
	} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing said of %q: %s", want, said)
		}
	}
}
