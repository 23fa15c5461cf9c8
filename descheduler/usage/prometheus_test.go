package usage

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

var queryArgs = &policy.MetricsUtilization{Source: policy.PrometheusMetrics, Prometheus: &policy.PrometheusQuery{Query: "load"}}

// vector is the answer with samples.
func vector(samples string) string {
	return `{"status":"success","data":{"resultType":"vector","result":[` + samples + `]}}`
}

func sample(instance, value string) string {
	return fmt.Sprintf(`{"metric":{"instance":%q},"value":[1700000000,%q]}`, instance, value)
}

func TestPrometheus(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		want   map[string]strategy.Amounts
		err    string
	}{
		{
			name: "shares are millionths of the whole", answer: vector(sample("n1", "0.25") + "," + sample("n2", "1") + "," + sample("n3", "0")),
			want: map[string]strategy.Amounts{"n1": {policy.MetricResource: Whole / 4}, "n2": {policy.MetricResource: Whole}, "n3": {policy.MetricResource: 0}},
		},
		{name: "what is not a number is no figure", answer: vector(sample("n1", "NaN") + "," + sample("n2", "0.5")), want: map[string]strategy.Amounts{"n2": {policy.MetricResource: Whole / 2}}},
		{name: "a sample that is null", answer: vector("null"), err: `query "load" returns a sample that is null`},
		{name: "nothing", answer: vector(""), err: `query "load" returns nothing: it must return one share per node`},
		{name: "no vector", answer: `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1"]}}`, err: `query "load" returns a scalar: it must return an instant vector`},
		{name: "percent", answer: vector(sample("n1", "25")), err: "returns 25 for node n1: shares are from 0 to 1"},
		{name: "negative", answer: vector(sample("n1", "-0.1")), err: "returns -0.1 for node n1: shares are from 0 to 1"},
		{name: "no node", answer: vector(`{"metric":{"node":"n1"},"value":[1700000000,"0.5"]}`), err: `returns the sample {node="n1"}, whose label instance does not name a node`},
		{name: "two of a node", answer: vector(sample("n1", "0.25") + "," + sample("n1", "0.5")), err: "returns more than one share of node n1: aggregate by (instance)"},
		{name: "a query that does not parse", answer: `{"status":"error","errorType":"bad_data","error":"parse error"}`, err: `for "load": bad_data: parse error`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := answers(t, map[string]string{"/api/v1/query": tt.answer})
			got, err := readPrometheus(t, server, nil, Options{ServiceAccount: t.TempDir()})
			if !as(t, err, tt.err) {
				return
			}
			figures := map[string]strategy.Amounts{}
			for _, node := range []string{"n1", "n2", "n3"} {
				if used, known := got.Node(node); known {
					figures[node] = used
				}
			}
			if diff := cmp.Diff(tt.want, figures); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
			if _, known := got.Pod("default", "a"); known {
				t.Error("a pod has figures, want none")
			}
		})
	}
}

func readPrometheus(t *testing.T, server *httptest.Server, token *policy.AuthToken, opts Options) (strategy.Usage, error) {
	t.Helper()
	read, err := New([]policy.MetricsProvider{{Source: policy.PrometheusMetrics, Prometheus: &policy.Prometheus{URL: server.URL, AuthToken: token}}}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return read(t.Context(), queryArgs)
}

// shown keeps the tokens that requests show.
type shown struct {
	mu     sync.Mutex
	tokens []string
}

func (s *shown) handle(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, vector(sample("n1", "0.5")))
}

func (s *shown) want(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.tokens, want) {
		t.Errorf("shown %q, want %q", s.tokens, want)
	}
}

func TestTokens(t *testing.T) {
	secrets := answers(t, map[string]string{
		"/api/v1/namespaces/ns/secrets/token": `{"kind":"Secret","apiVersion":"v1","data":{"prometheusAuthToken":"b2Ytc2VjcmV0Cg=="}}`,
		"/api/v1/namespaces/ns/secrets/empty": `{"kind":"Secret","apiVersion":"v1","data":{"token":"b2Ytc2VjcmV0Cg=="}}`,
	})
	of := func(name string) *policy.AuthToken {
		return &policy.AuthToken{SecretReference: &policy.SecretReference{Namespace: "ns", Name: name}}
	}
	tests := []struct {
		name  string
		tls   bool
		token *policy.AuthToken
		want  string
		err   string
	}{
		{name: "the service account's, over TLS that its authorities vouch for", tls: true, want: "Bearer of-account"},
		{name: "none without TLS", want: ""},
		{name: "that of a Secret", tls: true, token: of("token"), want: "Bearer of-secret"},
		{name: "that of a Secret without TLS: it was asked for", token: of("token"), want: "Bearer of-secret"},
		{name: "a Secret without it", token: of("empty"), err: "Secret ns/empty has no key prometheusAuthToken"},
		{name: "no such Secret", token: of("gone"), err: "prometheus.authToken.secretReference: Secret ns/gone: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := &shown{}
			server := httptest.NewUnstartedServer(http.HandlerFunc(got.handle))
			start := server.Start
			if tt.tls {
				start = server.StartTLS
			}
			start()
			t.Cleanup(server.Close)
			_, err := readPrometheus(t, server, tt.token, Options{Config: &rest.Config{Host: secrets.URL}, ServiceAccount: writeAccount(t, server)})
			if as(t, err, tt.err) {
				got.want(t, tt.want)
			}
		})
	}
}

func TestUnknownAuthority(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc((&shown{}).handle))
	t.Cleanup(server.Close)
	_, err := readPrometheus(t, server, nil, Options{ServiceAccount: t.TempDir()})
	as(t, err, "certificate")
}

func TestNoTokenForOthers(t *testing.T) {
	other := &shown{}
	stranger := httptest.NewServer(http.HandlerFunc(other.handle))
	t.Cleanup(stranger.Close)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, stranger.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	if _, err := readPrometheus(t, server, nil, Options{ServiceAccount: writeAccount(t, server)}); err != nil {
		t.Fatal(err)
	}
	other.want(t, "")
}
