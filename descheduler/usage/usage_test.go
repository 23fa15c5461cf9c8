package usage

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// answers serves a body, or a status for "403", by path.
func answers(t *testing.T, bodies map[string]string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, known := bodies[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !known:
			status(w, http.StatusNotFound, "NotFound")
		case body == "403":
			status(w, http.StatusForbidden, "Forbidden")
		case body == "503":
			status(w, http.StatusServiceUnavailable, "ServiceUnavailable")
		default:
			fmt.Fprint(w, body)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func status(w http.ResponseWriter, code int, reason string) {
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":%q,"code":%d}`, reason, code)
}

const (
	nodesPath = "/apis/metrics.k8s.io/v1beta1/nodes"
	podsPath  = "/apis/metrics.k8s.io/v1beta1/pods"
	nodeList  = `{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[
		{"metadata":{"name":"n1"},"usage":{"cpu":"156340750n","memory":"2Ki"}}, {"metadata":{"name":"n2"},"usage":{"memory":"1Ki"}}]}`
	podList = `{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[
		{"metadata":{"name":"a","namespace":"default"},"containers":[{"name":"c","usage":{"cpu":"100m","memory":"1Ki"}},{"name":"d","usage":{"cpu":"1","memory":"1"}}]},
		{"metadata":{"name":"part","namespace":"default"},"containers":[{"name":"c","usage":{"cpu":"100m","memory":"1Ki"}},{"name":"d","usage":{"memory":"1"}}]},
		{"metadata":{"name":"none","namespace":"default"},"containers":[]}]}`
)

var metricsServerArgs = &policy.MetricsUtilization{Source: policy.KubernetesMetrics}

func TestMetricsServer(t *testing.T) {
	tests := []struct {
		name   string
		bodies map[string]string
		err    string
	}{
		{name: "nodes and pods", bodies: map[string]string{nodesPath: nodeList, podsPath: podList}},
		{name: "not installed", err: "metrics of nodes: the API server does not serve metrics.k8s.io: install the metrics server"},
		{name: "not allowed", bodies: map[string]string{nodesPath: nodeList, podsPath: "403"}, err: "metrics of pods: the service account may not list pods of the group metrics.k8s.io"},
		{name: "not available", bodies: map[string]string{nodesPath: "503"}, err: "metrics of nodes: the metrics server is installed but not available"},
		{name: "no figures yet", bodies: map[string]string{nodesPath: `{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","items":[]}`}, err: "the metrics server has no metrics of any node"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read, err := New([]policy.MetricsProvider{{Source: policy.KubernetesMetrics}}, Options{Config: &rest.Config{Host: answers(t, tt.bodies).URL}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := read(t.Context(), metricsServerArgs)
			if !as(t, err, tt.err) {
				return
			}
			type known struct {
				Used  strategy.Amounts
				Known bool
			}
			figures := map[string]known{}
			for _, node := range []string{"n1", "n2", "n3"} {
				used, is := got.Node(node)
				figures[node] = known{used, is}
			}
			for _, pod := range []string{"a", "part", "none", "other"} {
				used, is := got.Pod("default", pod)
				figures[pod] = known{used, is}
			}
			want := map[string]known{
				"n1": {strategy.Amounts{corev1.ResourceCPU: 157, corev1.ResourceMemory: 2048}, true},
				"n2": {strategy.Amounts{corev1.ResourceMemory: 1024}, true},
				"n3": {}, "part": {}, "none": {}, "other": {},
				"a": {strategy.Amounts{corev1.ResourceCPU: 1100, corev1.ResourceMemory: 1025}, true},
			}
			if diff := cmp.Diff(want, figures); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
		})
	}
}

// as says whether there is no error, and reports one that is not as wanted.
func as(t *testing.T, err error, want string) bool {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Fatalf("error %v, want %q", err, want)
	}
	return err == nil
}

func TestNew(t *testing.T) {
	prometheusAt := func(url string, token *policy.AuthToken) []policy.MetricsProvider {
		return []policy.MetricsProvider{{Source: policy.PrometheusMetrics, Prometheus: &policy.Prometheus{URL: url, AuthToken: token}}}
	}
	tests := []struct {
		name      string
		providers []policy.MetricsProvider
		err       string
	}{
		{name: "none"},
		{name: "an unknown source", providers: []policy.MetricsProvider{{Source: "Graphite"}}, err: `metricsProviders[0]: source is "Graphite": must be KubernetesMetrics or Prometheus`},
		{name: "a metrics server without a cluster", providers: []policy.MetricsProvider{{Source: policy.KubernetesMetrics}}, err: "metricsProviders[0]: the metrics server requires an API server"},
		{name: "Prometheus without an address", providers: []policy.MetricsProvider{{Source: policy.PrometheusMetrics}}, err: "metricsProviders[0]: prometheus.url is required"},
		{name: "Prometheus with a bad address", providers: prometheusAt("prometheus:9090", nil), err: `metricsProviders[0]: prometheus.url is "prometheus:9090": must be an http or https URL with a host`},
		{
			name: "a Secret without a cluster", providers: prometheusAt("https://p", &policy.AuthToken{SecretReference: &policy.SecretReference{Namespace: "ns", Name: "token"}}),
			err: "metricsProviders[0]: prometheus.authToken.secretReference: Secret ns/token: reading it requires an API server",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			read, err := New(tt.providers, Options{})
			if as(t, err, tt.err) && read != nil {
				t.Error("there is something to read from, want nothing")
			}
		})
	}
	read, err := New(prometheusAt("http://p", nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = read(t.Context(), &policy.MetricsUtilization{MetricsServer: true})
	as(t, err, `metricsUtilization.source is "KubernetesMetrics": must be one of metricsProviders (Prometheus)`)
	_, err = read(t.Context(), &policy.MetricsUtilization{Source: policy.PrometheusMetrics})
	as(t, err, "metricsUtilization.prometheus.query is required")
}

// writeAccount makes a service account's directory: with a token, and the certificate of
// a server if there is one.
func writeAccount(t *testing.T, server *httptest.Server) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"token": []byte("of-account\n")}
	if server.Certificate() != nil {
		files["ca.crt"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
