package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/process"
	"github.com/stowage-k8s/stowage/internal/webhook/webhooktest"
)

// webhookOverlay has the API server find the webhook on this machine, in place of pods of which nothing
// runs. The certificate is for the name of the Service all the same.
const webhookOverlay = `resources: [CONFIG/scheduler/autoscaler/webhook]
patches:
- target: {kind: Service}
  patch: '- {op: replace, path: /spec, value: {type: ExternalName, externalName: localhost}}'
- target: {kind: MutatingWebhookConfiguration}
  patch: '- {op: add, path: /webhooks/0/clientConfig/service/port, value: PORT}'
`

// limitsHost is the name that the certificate is for.
const limitsHost = preemptible.WebhookName + "." + systemNamespace + ".svc"

// installedWebhook is the webhook as it is installed, for the time of a test.
type installedWebhook struct {
	*testing.T
	ns, overlay, port, kubeconfig string
}

// applyWebhook installs the webhook, of which nothing runs yet.
func applyWebhook(t *testing.T, ns string) *installedWebhook {
	t.Helper()
	w := &installedWebhook{T: t, ns: ns, port: playgroundtest.Port(t)}
	w.overlay = playgroundtest.WriteOverlay(t, map[string]string{"kustomization.yaml": strings.ReplaceAll(webhookOverlay, "PORT", w.port)})
	applyLimits(t, w.overlay)
	var err error
	if w.kubeconfig, err = play.ServiceAccountKubeconfig(t.Context(), systemNamespace, preemptible.WebhookName); err != nil {
		t.Fatal(err)
	}
	if err := playgroundtest.AwaitAllowed(t.Context(), client, systemNamespace, preemptible.WebhookName, webhookRights...); err != nil {
		t.Fatal(err)
	}
	w.awaitRefusal()
	return w
}

// awaitRefusal waits until the API server misses the webhook.
func (w *installedWebhook) awaitRefusal() {
	w.Helper()
	eventually(w.T, "pods with limits are refused", func(ctx context.Context) (bool, string) {
		_, err := dryRun(ctx, w.ns, limitedPod(maxAnnotation, "1"))
		return err != nil && strings.Contains(err.Error(), "failed calling webhook"), fmt.Sprint(err)
	})
}

// installWebhook installs the webhook, with one replica.
func installWebhook(t *testing.T, ns string) *installedWebhook {
	t.Helper()
	w := applyWebhook(t, ns)
	w.start("first")
	awaitGate(t, ns, true)
	return w
}

var webhookRights = []authorizationv1.ResourceAttributes{
	{Verb: "update", Resource: "secrets", Namespace: systemNamespace, Name: preemptible.WebhookName},
	{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: preemptible.WebhookName},
}

// start starts a replica, which shares its port with the others.
func (w *installedWebhook) start(name string) *process.Process {
	w.Helper()
	return startWebhook(w.T, name, "--kubeconfig", w.kubeconfig, "--secure-port", w.port)
}

func startWebhook(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	args = append([]string{"webhook", "--policies", webhookFolder + "/policies.yaml", "--bind-address", "127.0.0.1", "--permit-port-sharing", "-v", "2"}, args...)
	p, err := play.StartProgram(program, logName(t, name), args...)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, p)
	return p
}

// TestWebhookDoesAsThePolicyDoes creates the same random pods by the policy, by the webhook, and by both.
func TestWebhookDoesAsThePolicyDoes(t *testing.T) {
	playgroundtest.Since(t, play, "1.36", "MutatingAdmissionPolicy of admissionregistration.k8s.io/v1")
	type outcome struct {
		Affinity *corev1.Affinity
		Gates    []corev1.PodSchedulingGate
		Error    string
	}
	create := func(t *testing.T, ns string) (all []outcome) {
		t.Helper()
		for seed := range 300 {
			var o outcome
			admitted, err := dryRun(t.Context(), ns, webhooktest.Pods.Example(seed))
			if err != nil {
				o.Error = err.Error()
			} else {
				o.Affinity, o.Gates = admitted.Spec.Affinity, admitted.Spec.SchedulingGates
			}
			all = append(all, o)
		}
		return all
	}
	ns := limitsNamespace(t)
	neither := create(t, ns)
	got := map[string][]outcome{}
	const byBoth = "by both"
	t.Run(byPolicy, func(t *testing.T) {
		installLimits(t, ns)
		got[byPolicy] = create(t, ns)
		installWebhook(t, ns)
		got[byBoth] = create(t, ns)
	})
	awaitGate(t, ns, false)
	t.Run(byWebhook, func(t *testing.T) {
		installWebhook(t, ns)
		got[byWebhook] = create(t, ns)
	})
	if cmp.Equal(neither, got[byPolicy]) {
		t.Fatal("the policy changes nothing")
	}
	for _, way := range []string{byWebhook, byBoth} {
		if diff := cmp.Diff(got[byPolicy], got[way]); diff != "" {
			t.Errorf("%s, other than by the policy (-want +got):\n%s", way, diff)
		}
	}
}

// TestWebhookIsAway looks at who waits for it while it is not there, and has replicas come and go.
func TestWebhookIsAway(t *testing.T) {
	ns := limitsNamespace(t)
	w := applyWebhook(t, ns)
	for name, change := range map[string]func(*corev1.Pod){
		"of another scheduler":       func(p *corev1.Pod) { p.Spec.SchedulerName = corev1.DefaultSchedulerName },
		"without annotations":        func(p *corev1.Pod) { p.Annotations = nil },
		"that may go anywhere":       func(p *corev1.Pod) { p.Annotations = map[string]string{useAnnotation: "allow"} },
		"that has its node":          func(p *corev1.Pod) { p.Spec.NodeName = "node" },
		"with annotations of others": func(p *corev1.Pod) { p.Annotations = map[string]string{"example.com/preemptible": "never"} },
	} {
		pod := limitedPod(useAnnotation, "never")
		change(pod)
		if _, err := dryRun(t.Context(), ns, pod); err != nil {
			t.Errorf("a pod %s: %v", name, err)
		}
	}
	first := w.start("first")
	awaitGate(t, ns, true)
	second := w.start("second")
	eventually(t, "both serve", func(context.Context) (bool, string) {
		log := second.LogTail(1000)
		return strings.Contains(log, "Serving securely"), log
	})
	var asked atomic.Int64
	stop := w.askAllTheTime(&asked)
	kubectl(t, "apply", "-k", w.overlay) // that takes away neither the certificate nor the trust in it
	first.Stop(t.Context(), time.Minute)
	for at := asked.Load(); asked.Load() < at+20; time.Sleep(10 * time.Millisecond) {
		if t.Failed() || t.Context().Err() != nil {
			break
		}
	}
	stop()
	for _, p := range []*process.Process{first, second} {
		p.Stop(t.Context(), time.Minute)
		if log := p.LogTail(1000); p.Err() != nil || strings.Contains(log, "forbidden") || strings.Contains(log, "Failed to update the certificate") {
			t.Errorf("it ended with %v: %s", p.Err(), log)
		}
	}
	w.awaitRefusal()
}

// TestWebhookRenewsItsCertificate has two replicas serve, and takes away what their certificate is proved
// by: they make another one, and serve it, while every pod is admitted.
func TestWebhookRenewsItsCertificate(t *testing.T) {
	w := installWebhook(t, limitsNamespace(t))
	w.start("second")
	secrets := client.CoreV1().Secrets(systemNamespace)
	secret, err := secrets.Get(t.Context(), preemptible.WebhookName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	before := secret.Data[corev1.TLSCertKey]
	var asked atomic.Int64
	stop := w.askAllTheTime(&asked)
	delete(secret.Data, "ca.crt")
	if _, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	var after []byte
	eventually(t, "a certificate is made", func(ctx context.Context) (bool, string) {
		now, err := secrets.Get(ctx, preemptible.WebhookName, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		after = now.Data[corev1.TLSCertKey]
		return !bytes.Equal(after, before), "it is the same"
	})
	eventually(t, "all replicas serve it", func(ctx context.Context) (bool, string) {
		for range 20 { // the kernel chooses whom to ask
			served, err := servedAt(ctx, w.port)
			if err != nil || !bytes.HasPrefix(after, served) {
				return false, fmt.Sprintf("error %v, or the other one is served", err)
			}
		}
		return true, ""
	})
	stop()
	if asked.Load() < 100 {
		t.Errorf("only %d pods were created meanwhile", asked.Load())
	}
}

// TestWebhookIsNotTheFirst has another replica be faster with the certificate, as far as the API server says.
func TestWebhookIsNotTheFirst(t *testing.T) {
	w := applyWebhook(t, limitsNamespace(t))
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
	reluctant(t, systemNamespace, func(ctx context.Context) error {
		_, err := client.CoreV1().Secrets(systemNamespace).Create(ctx, secret, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err
	}, []string{""}, []string{"secrets"})
	w.start("first")
	awaitGate(t, w.ns, true)
}

// askAllTheTime creates pods with a limit, all of which have to be admitted as such, until it is stopped.
func (w *installedWebhook) askAllTheTime(asked *atomic.Int64) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			admitted, err := dryRun(ctx, w.ns, limitedPod(maxAnnotation, "1"))
			if ctx.Err() != nil {
				return
			}
			if err != nil || len(admitted.Spec.SchedulingGates) != 1 {
				w.Errorf("pod %d: error %v, or no gate", asked.Load(), err)
				return
			}
			asked.Add(1)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// servedAt returns the certificate that is served on the port, as PEM.
func servedAt(ctx context.Context, port string) ([]byte, error) {
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	connection, err := dialer.DialContext(ctx, "tcp", "127.0.0.1:"+port)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	leaf := connection.(*tls.Conn).ConnectionState().PeerCertificates[0]
	return pem.EncodeToMemory(&pem.Block{Type: cert.CertificateBlockType, Bytes: leaf.Raw}), nil
}

// TestInstallWebhook has the cluster take what is installed, and tries what it has no business with.
func TestInstallWebhook(t *testing.T) {
	applyWebhook(t, limitsNamespace(t))
	eventually(t, "there are two replicas", func(ctx context.Context) (bool, string) {
		deployment, err := client.AppsV1().Deployments(systemNamespace).Get(ctx, preemptible.WebhookName, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return deployment.Status.AvailableReplicas == 2, fmt.Sprint(deployment.Status)
	})
	for _, tt := range []struct {
		name string
		what authorizationv1.ResourceAttributes
	}{
		{"other Secrets", authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Namespace: systemNamespace, Name: "other"}},
		{"all Secrets", authorizationv1.ResourceAttributes{Verb: "list", Resource: "secrets", Namespace: systemNamespace}},
		{"its Secret's name elsewhere", authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Namespace: "kube-system", Name: preemptible.WebhookName}},
		{"new Secrets", authorizationv1.ResourceAttributes{Verb: "create", Resource: "secrets", Namespace: systemNamespace}},
		{"other webhooks", authorizationv1.ResourceAttributes{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations", Name: "other"}},
		{"validating webhooks", authorizationv1.ResourceAttributes{Verb: "update", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations", Name: preemptible.WebhookName}},
		{"pods", authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}},
		{"nodes", authorizationv1.ResourceAttributes{Verb: "list", Resource: "nodes"}},
	} {
		if may, err := playgroundtest.Allowed(t.Context(), client, systemNamespace, preemptible.WebhookName, tt.what); err != nil || may {
			t.Errorf("%s: allowed %t, error %v", tt.name, may, err)
		}
	}
}
