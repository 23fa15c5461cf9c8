package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/cert"

	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// TestWebhookServesFromFiles has files as cert-manager's are mounted, without a cluster, and other files
// in their place later.
func TestWebhookServesFromFiles(t *testing.T) {
	dir, port := t.TempDir(), playgroundtest.Port(t)
	files := []string{filepath.Join(dir, corev1.TLSCertKey), filepath.Join(dir, corev1.TLSPrivateKeyKey)}
	write := func() *x509.CertPool {
		t.Helper()
		certificate, key, err := cert.GenerateSelfSignedCertKey(limitsHost, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, content := range [][]byte{certificate, key} {
			if err := os.WriteFile(files[i]+".new", content, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(files[i]+".new", files[i]); err != nil {
				t.Fatal(err)
			}
		}
		trusted := x509.NewCertPool()
		trusted.AppendCertsFromPEM(certificate)
		return trusted
	}
	awaitTrust := func(trusted *x509.CertPool) {
		t.Helper()
		https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{ServerName: limitsHost, RootCAs: trusted}, DisableKeepAlives: true}}
		eventually(t, "what is in the files is served", func(ctx context.Context) (bool, string) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+port+"/readyz", nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := https.Do(request)
			if err != nil {
				return false, err.Error()
			}
			defer answer.Body.Close()
			return answer.StatusCode == http.StatusOK, answer.Status
		})
	}
	trusted := write()
	startWebhook(t, "from-files", "--tls-cert-file", files[0], "--tls-private-key-file", files[1], "--secure-port", port)
	awaitTrust(trusted)
	awaitTrust(write())
}

// TestWebhookWithCertManager looks at what is applied beside cert-manager: files of its Secret, which the
// configuration trusts, and nothing that the webhook may do itself.
func TestWebhookWithCertManager(t *testing.T) {
	objects, err := manifests.Decode([]byte(kubectl(t, "kustomize", webhookFolder+"-cert-manager")))
	if err != nil {
		t.Fatal(err)
	}
	hash := regexp.MustCompile(`-[0-9a-z]{10}$`)
	var names []string
	for _, object := range objects {
		names = append(names, object.GetKind()+"/"+hash.ReplaceAllString(object.GetName(), ""))
		switch object.GetKind() {
		case "MutatingWebhookConfiguration":
			if from := object.GetAnnotations()["cert-manager.io/inject-ca-from"]; from != systemNamespace+"/"+preemptible.WebhookName {
				t.Errorf("it trusts the certificate %q", from)
			}
		case "Certificate":
			if hosts, _, err := unstructured.NestedStringSlice(object.Object, "spec", "dnsNames"); err != nil || !slices.Equal(hosts, []string{limitsHost}) {
				t.Errorf("the certificate is for %v, error %v", hosts, err)
			}
		case "Deployment":
			var deployment appsv1.Deployment
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &deployment, true); err != nil {
				t.Fatal(err)
			}
			container := deployment.Spec.Template.Spec.Containers[0]
			for _, mount := range container.VolumeMounts {
				if !slices.ContainsFunc(container.Args, func(arg string) bool { return strings.Contains(arg, "="+mount.MountPath+"/") }) {
					t.Errorf("no argument is in %s: %v", mount.MountPath, container.Args)
				}
			}
		}
	}
	slices.Sort(names)
	want := []string{
		"Certificate/stowage-limits", "ClusterRole/stowage-scheduler-limits", "ClusterRoleBinding/stowage-scheduler-limits", "ConfigMap/stowage-limits-policies", "Deployment/stowage-limits",
		"Issuer/stowage-limits", "MutatingWebhookConfiguration/stowage-limits", "PodDisruptionBudget/stowage-limits", "Service/stowage-limits", "ServiceAccount/stowage-limits",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("what is applied (-want +got):\n%s", diff)
	}
}

func TestWebhookRefuses(t *testing.T) {
	policies := webhookFolder + "/policies.yaml"
	broken := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(broken, []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no policies", nil, "--policies is required: specify a file with the output of `stowage-scheduler admission`"},
		{"policies that are not there", []string{"--policies", "/does/not/exist"}, "reading the policies: open /does/not/exist: no such file or directory"},
		{"policies that are none", []string{"--policies", broken}, broken + ": Pod a: must be a MutatingAdmissionPolicy or a MutatingAdmissionPolicyBinding"},
		{"a certificate without its key", []string{"--policies", policies, "--tls-cert-file", "tls.crt"}, "--tls-cert-file and --tls-private-key-file must be set together"},
		{"a certificate that is not there", []string{"--policies", policies, "--tls-cert-file", "/does/not/exist", "--tls-private-key-file", "/does/not/exist"}, "/does/not/exist: no such file or directory"},
		{"no cluster", []string{"--policies", policies}, "no cluster is named: set --context or --kubeconfig, or run in a cluster"},
		{"no port", []string{"--policies", policies, "--secure-port", "0"}, "--secure-port 0 must be between 1 and 65535"},
		{"a flag that says nothing", []string{"--policies", policies, "--kubeconfig="}, "--kubeconfig is empty: omit it, or set a value"},
		{"a flag that does not exist", []string{"--policy", policies}, "unknown flag: --policy (see stowage-scheduler webhook --help)"},
		{"an argument", []string{policies}, "unknown command"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, code := run(t, append([]string{"webhook"}, tt.args...)...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if last := lines[len(lines)-1]; code == 0 || !strings.Contains(last, tt.want) {
				t.Errorf("exit code %d, last line %q, want one with %s", code, last, tt.want)
			}
		})
	}
}
