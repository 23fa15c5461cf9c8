package probes

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

// arguments returns the arguments as JSON, with a URL.
func arguments(t *testing.T, url string, more map[string]any) string {
	t.Helper()
	all := map[string]any{"url": url}
	for key, value := range more {
		all[key] = value
	}
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			fmt.Fprintf(w, "%s %s %q %s", r.Method, r.Host, body, r.Header.Get("X-Test"))
		}
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")

	tests := []struct {
		name, path string
		more       map[string]any
		want       steady.Observation
	}{
		{"it answers", "/?secret=1", nil, steady.Observation{OK: true, Message: "GET " + host + "/: status 200 OK"}},
		{"it responds with badly", "/broken", nil, steady.Observation{Message: "GET " + host + "/broken: status 503 Service Unavailable, expected 200-399"}},
		{"that answer is well", "/broken", map[string]any{"status": []any{204, "500-599"}}, steady.Observation{OK: true, Message: "GET " + host + "/broken: status 503 Service Unavailable"}},
		{"another answer is well", "/", map[string]any{"status": []any{204, "500-599"}}, steady.Observation{Message: "GET " + host + "/: status 200 OK, expected 204 or 500-599"}},
		{"a redirect is not followed", "/moved", nil, steady.Observation{OK: true, Message: "GET " + host + "/moved: status 302 Found"}},
		{"all is sent", "/", map[string]any{"method": "POST", "body": "x", "headers": map[string]string{"X-Test": "y", "Host": "web"}, "bodyMatches": `^POST web "x" y$`},
			steady.Observation{OK: true, Message: "POST " + host + "/: status 200 OK"}},
		{"the answer says something else", "/", map[string]any{"bodyMatches": "^ok$"}, steady.Observation{Message: "GET " + host + "/: the response does not match ^ok$"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newProbe(t, "http", arguments(t, server.URL+tt.path, tt.more)).Check(t.Context(), steady.Env{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("another observation (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestHTTPOfNobody(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	got, err := newProbe(t, "http", arguments(t, server.URL+"/?key=secret", nil)).Check(t.Context(), steady.Env{})
	if err != nil || got.OK || !strings.Contains(got.Message, "connection refused") || strings.Contains(got.Message, "secret") {
		t.Errorf("it sees %+v, error %v, want that the connection is refused", got, err)
	}
}

func TestHTTPHasANewConnectionForEachLook(t *testing.T) {
	var mu sync.Mutex
	clients := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		clients[r.RemoteAddr] = true
	}))
	defer server.Close()
	probe := newProbe(t, "http", arguments(t, server.URL, nil))
	for range 3 {
		if got, err := probe.Check(t.Context(), steady.Env{}); err != nil || !got.OK {
			t.Fatalf("it sees %+v, error %v", got, err)
		}
	}
	if len(clients) != 3 {
		t.Errorf("3 looks took %d connections", len(clients))
	}
}

func TestHTTPSChecksTheServerAndSendsTheToken(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would tell of those that do not trust it
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate := file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	token := file("token", []byte("abc\n"))
	tests := []struct {
		name string
		more map[string]any
		want bool
	}{
		{"a server that nobody vouches for", map[string]any{}, false},
		{"a server that a file vouches for, and a token", map[string]any{"caFile": certificate, "bearerTokenFile": token, "bodyMatches": "^Bearer abc$"}, true},
		{"any server", map[string]any{"insecureSkipVerify": true, "bodyMatches": "^$"}, true},
		{"a file without certificates", map[string]any{"caFile": token}, false},
		{"a token that is not there", map[string]any{"insecureSkipVerify": true, "bearerTokenFile": filepath.Join(dir, "none")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newProbe(t, "http", arguments(t, server.URL, tt.more)).Check(t.Context(), steady.Env{})
			if err != nil || got.OK != tt.want {
				t.Errorf("it sees %+v, error %v, want OK %t", got, err, tt.want)
			}
		})
	}
}

func TestProbesOverHTTPEndWithTheContext(t *testing.T) {
	asked, stop := make(chan struct{}, 2), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-stop
	}))
	defer server.Close()
	defer close(stop)
	for name, more := range map[string]map[string]any{"http": nil, "promql": {"query": "up", "op": ">", "value": 0}} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-asked; cancel() }()
		if got, err := newProbe(t, name, arguments(t, server.URL, more)).Check(ctx, steady.Env{}); err == nil {
			t.Errorf("%s sees %+v, want an error", name, got)
		}
	}
}
