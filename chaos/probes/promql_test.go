package probes

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

func TestPromQL(t *testing.T) {
	sample := func(pod, value string) string {
		return fmt.Sprintf(`{"metric": {"pod": %q}, "value": [1, %q]}`, pod, value)
	}
	vector := func(samples ...string) string {
		return `{"resultType": "vector", "result": [` + strings.Join(samples, ",") + `]}`
	}
	const scalar = `{"resultType": "scalar", "result": [1, "0.5"]}`
	tests := []struct {
		name, answer, op string
		value            float64
		want             steady.Observation
	}{
		{"all series hold", vector(sample("a", "2"), sample("b", "1")), ">=", 1, steady.Observation{OK: true, Message: `"q" is >= 1 in 2 of 2 results`}},
		{"one series does not", vector(sample("a", "2"), sample("b", "0.5")), ">=", 1, steady.Observation{Message: `"q" must be >= 1, but is 0.5 of {pod="b"}`}},
		{"a scalar", scalar, "==", 0.5, steady.Observation{OK: true, Message: `"q" is == 0.5 in 1 of 1 results`}},
		{"a scalar that does not hold", scalar, ">", 0.5, steady.Observation{Message: `"q" must be > 0.5, but is 0.5`}},
		{"not equal", scalar, "!=", 0.5, steady.Observation{Message: `"q" must be != 0.5, but is 0.5`}},
		{"below", scalar, "<", 0.5, steady.Observation{Message: `"q" must be < 0.5, but is 0.5`}},
		{"at most", scalar, "<=", 0.5, steady.Observation{OK: true, Message: `"q" is <= 0.5 in 1 of 1 results`}},
		{"a share of nothing holds for nothing", vector(sample("a", "NaN")), "<", 1, steady.Observation{Message: `"q" must be < 1, but is NaN of {pod="a"}`}},
		{"null is no pass", vector("null", sample("a", "0")), "<", 1, steady.Observation{Message: `"q" must be < 1, but is null`}},
		{"nothing is no pass", vector(), "<", 1, steady.Observation{Nothing: true, Message: `"q" returns no results`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := prometheus(t, http.StatusOK, `{"status": "success", "data": `+tt.answer+`}`)
			got, err := newProbe(t, "promql", arguments(t, server, map[string]any{"query": "q", "op": tt.op, "value": tt.value})).Check(t.Context(), steady.Env{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("another observation (-want, +got):\n%s", diff)
			}
		})
	}
}

// prometheus starts a server that answers the query q.
func prometheus(t *testing.T, status int, answer string) (url string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/query" || r.FormValue("query") != "q" {
			t.Errorf("it asks %s for %q", r.URL.Path, r.FormValue("query"))
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestPromQLThatCannotBeCompared(t *testing.T) {
	tests := []struct {
		name   string
		status int
		answer string
		want   string
	}{
		{"a range", http.StatusOK, `{"status": "success", "data": {"resultType": "matrix", "result": []}}`,
			`querying Prometheus for "q": returned a matrix, must be a scalar or an instant vector`},
		{"a query that is none", http.StatusBadRequest, `{"status": "error", "errorType": "bad_data", "error": "parse error"}`,
			`querying Prometheus for "q": bad_data: parse error`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			probe := newProbe(t, "promql", arguments(t, prometheus(t, tt.status, tt.answer), map[string]any{"query": "q", "op": ">", "value": 0}))
			_, err := probe.Check(t.Context(), steady.Env{})
			if err == nil {
				t.Fatal("there is no error")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("another error (-want, +got):\n%s", diff)
			}
		})
	}
}
