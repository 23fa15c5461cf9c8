package monitoring

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

const system = "stowage-system"

// world is a playground on which all programs run, and serve their metrics.
type world struct {
	*playground.Playground
	client kubernetes.Interface
	served []*program
	// token is that of the account that rbac.yaml is for.
	token string
	// handedOn is the folder of what runs have written for the node exporter.
	handedOn string
}

// program is one that serves metrics.
type program struct {
	*process.Process
	name, url, certificates string
}

// newWorld starts the programs, as their manifests' accounts, on workloads that give them
// something to do.
func newWorld(t *testing.T) *world {
	t.Helper()
	small, err := pool.Load("../pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{handedOn: t.TempDir()}
	if w.Playground, err = playgroundtest.Start(t.Context(), playground.Options{Pool: small}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	if w.client, err = w.Client(); err != nil {
		t.Fatal(err)
	}
	playgroundtest.Since(t, w.Playground, "1.36", "MutatingAdmissionPolicy of admissionregistration.k8s.io/v1")
	w.kubectl(t, "create", "namespace", "monitoring")
	w.kubectl(t, "create", "serviceaccount", "prometheus", "-n", "monitoring")
	for _, args := range [][]string{
		{"-f", "../scheduler/rbac.yaml"}, {"-k", "../descheduler/base"}, {"-k", "../chaos/base"}, {"-f", "rbac.yaml"},
		{"-f", "../descheduler/deployment/election.yaml"}, {"-f", "../descheduler/deployment/metrics.yaml"},
		{"-f", "../chaos/watch/rbac.yaml"}, {"-f", "../chaos/deployment/metrics.yaml"}, {"-f", "../chaos/components/scale/rbac.yaml"},
		{"-f", "testdata/shop.yaml"},
	} {
		w.kubectl(t, append([]string{"apply"}, args...)...)
	}
	w.token = strings.TrimSpace(w.kubectl(t, "create", "token", "prometheus", "-n", "monitoring"))
	w.label(t, "general-00000", "crowd=here")

	w.start(t, "stowage-scheduler", "--leader-elect-retry-period", "500ms")
	w.awaitReady(t, "web", "crowd")
	w.kubectl(t, "apply", "-k", "../scheduler/autoscaler")
	w.awaitGates(t)
	w.kubectl(t, "apply", "-f", "testdata/limited.yaml")
	w.awaitReady(t, "limited")
	w.start(t, "stowage-descheduler", "--policy-config-file", "testdata/policy.yaml", "--descheduling-interval", "3s", "--cooldown", "0",
		"--leader-elect", "--leader-elect-retry-period", "500ms")
	w.handOn(t)
	w.start(t, "stowage-watch", "watch")
	w.start(t, "stowage-chaos", "scenario", "run", "testdata/scenario.yaml", "--context", w.Info.Context, "--no-dry-run", "--journal", "-")
	return w
}

func (w *world) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// label changes a label of nodes, of which --all are all.
func (w *world) label(t *testing.T, nodes, label string) {
	t.Helper()
	w.kubectl(t, "label", "nodes", nodes, label, "--overwrite")
}

// start starts a program as its service account, with a certificate of its own.
func (w *world) start(t *testing.T, name string, args ...string) {
	t.Helper()
	kubeconfig, err := w.ServiceAccountKubeconfig(t.Context(), system, name)
	if err != nil {
		t.Fatal(err)
	}
	port := playgroundtest.Port(t)
	p := &program{name: name, url: "https://127.0.0.1:" + port, certificates: t.TempDir()}
	p.renew(t)
	binary := name
	if name == "stowage-watch" {
		binary = "stowage-chaos"
	}
	p.Process, err = w.StartProgram(binary, name, slices.Concat(args, []string{
		"--kubeconfig", kubeconfig, "--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", port,
		"--tls-cert-file", filepath.Join(p.certificates, "tls.crt"), "--tls-private-key-file", filepath.Join(p.certificates, "tls.key"),
	})...)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, p.Process)
	t.Cleanup(p.Kill) // it has nothing to give back: the playground goes, too
	w.served = append(w.served, p)
}

// renew writes another certificate, and returns it.
func (p *program) renew(t *testing.T) []byte {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey(p.name+".stowage-system.svc", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"tls.key": key, "tls.crt": certificate} {
		if err := os.WriteFile(filepath.Join(p.certificates, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := cert.ParseCertsPEM(certificate)
	if err != nil {
		t.Fatal(err)
	}
	return parsed[0].Raw
}

// get asks the program, with a token or without.
func (p *program) get(ctx context.Context, path, token string) (code int, body string, certificate []byte) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path, nil)
	if err != nil {
		return 0, err.Error(), nil
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// Its certificate is of the test's making: which one it is, is looked at.
	https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := https.Do(request)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return answer.StatusCode, string(read), answer.TLS.PeerCertificates[0].Raw
}

// awaitReady waits until the workloads have all of their pods.
func (w *world) awaitReady(t *testing.T, names ...string) {
	t.Helper()
	playgroundtest.Eventually(t, fmt.Sprint(names, " are ready"), func(ctx context.Context) (bool, string) {
		list, err := w.client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		ready := 0
		for _, d := range list.Items {
			if slices.Contains(names, d.Name) && d.Status.ReadyReplicas == *d.Spec.Replicas {
				ready++
			}
		}
		return ready == len(names), fmt.Sprint(ready, " of them")
	})
}

// awaitGates waits until the API server knows of limits.
func (w *world) awaitGates(t *testing.T) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "asks", Annotations: map[string]string{"stowage.dev/preemptible-max": "1"}},
		Spec:       corev1.PodSpec{SchedulerName: "stowage", Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}}},
	}
	playgroundtest.Eventually(t, "pods with limits get a gate", func(ctx context.Context) (bool, string) {
		created, err := w.client.CoreV1().Pods("shop").Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && len(created.Spec.SchedulingGates) > 0, fmt.Sprint(err)
	})
}

// handOn has runs of chaos write their metrics for the node exporter: one that breaks an objective,
// and one that lacks a right.
func (w *world) handOn(t *testing.T) {
	t.Helper()
	w.kubectl(t, "create", "clusterrole", "looks", "--verb=get,list,watch", "--resource=*.*")
	w.kubectl(t, "create", "serviceaccount", "looks", "-n", system)
	w.kubectl(t, "create", "clusterrolebinding", "looks", "--clusterrole=looks", "--serviceaccount="+system+":looks")
	looks, err := w.ServiceAccountKubeconfig(t.Context(), system, "looks")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := playground.FindBinary("stowage-chaos")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct {
		file, kubeconfig string
		code             int
	}{{"broken.prom", w.Kubeconfig, 2}, {"forbidden.prom", looks, 1}} {
		cmd := exec.CommandContext(t.Context(), binary, "evict", "--namespaces", "shop", "--labels", "app=web", "--min-availability", "100%", "--no-dry-run", "--journal", "-",
			"--kubeconfig", r.kubeconfig, "--context", w.Info.Context, "--metrics-textfile", filepath.Join(w.handedOn, r.file))
		cmd.Env = playgroundtest.Environ(t)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != r.code {
			t.Fatalf("%s: exit code %d, want %d: %s", r.file, cmd.ProcessState.ExitCode(), r.code, out)
		}
	}
}
