package telemetry

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
)

// apiServer returns the client of an API server that knows the tokens "reader" and "other" by the
// users of the same names, of whom the reader may get /metrics.
func apiServer(t *testing.T) kubernetes.Interface {
	t.Helper()
	mux := http.NewServeMux()
	answer(mux, "/apis/authentication.k8s.io/v1/tokenreviews", func(review *authenticationv1.TokenReview) {
		if token := review.Spec.Token; token == "reader" || token == "other" {
			review.Status = authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: token}}
		}
	})
	answer(mux, "/apis/authorization.k8s.io/v1/subjectaccessreviews", func(review *authorizationv1.SubjectAccessReview) {
		asked := review.Spec.NonResourceAttributes
		review.Status.Allowed = review.Spec.User == "reader" && asked != nil && asked.Path == "/metrics" && asked.Verb == "get"
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeJSON}})
}

// answer has the server fill in reviews.
func answer[T any](mux *http.ServeMux, path string, fill func(*T)) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		review := new(T)
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fill(review)
		w.Header().Set("Content-Type", runtime.ContentTypeJSON)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(review)
	})
}

// serve serves with the flags until the test ends, and returns where.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
	var f ServingFlags
	f.Add(fs, "program", 10258)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.secure.Listener = listener
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	if err := f.Serve(t.Context(), apiServer(t), metrics); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func TestServesHealthToAllAndMetricsToWhomTheAPIServerLets(t *testing.T) {
	tests := []struct {
		name        string
		args        []string
		path, token string
		want        int
	}{
		{name: "liveness without credentials", path: "/livez", want: http.StatusOK},
		{name: "readiness without credentials", path: "/readyz", want: http.StatusOK},
		{name: "health without credentials", path: "/healthz", want: http.StatusOK},
		{name: "metrics without credentials", path: "/metrics", want: http.StatusForbidden},
		{name: "metrics with a token that nobody knows", path: "/metrics", token: "made up", want: http.StatusUnauthorized},
		{name: "metrics with the token of one who may not get them", path: "/metrics", token: "other", want: http.StatusForbidden},
		{name: "metrics with the token of one who may", path: "/metrics", token: "reader", want: http.StatusOK},
		{name: "a path that is not there does not tell so", path: "/debug", want: http.StatusForbidden},
		{name: "metrics that are always allowed", args: []string{"--authorization-always-allow-paths", "/livez,/metrics"}, path: "/metrics", want: http.StatusOK},
		{name: "health that is not", args: []string{"--authorization-always-allow-paths", "/metrics"}, path: "/livez", want: http.StatusForbidden},
		{name: "metrics that are not served", args: []string{"--disable-metrics", "--authorization-always-allow-paths", "/metrics"}, path: "/metrics", want: http.StatusNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+serve(t, tt.args...)+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.token != "" {
				request.Header.Set("Authorization", "Bearer "+tt.token)
			}
			// The certificate is of its own making.
			https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
			response, err := https.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != tt.want {
				t.Errorf("GET %s: %s, want %d", tt.path, response.Status, tt.want)
			}
		})
	}
}

// TestServesARenewedCertificate has the files change as those of a Secret do that is mounted: a
// symbolic link is renamed, and the folder that it was to is removed.
func TestServesARenewedCertificate(t *testing.T) {
	dir := t.TempDir()
	put := func(version string) []byte {
		t.Helper()
		certificate, key, err := cert.GenerateSelfSignedCertKey(version+".example.com", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
			if err := os.WriteFile(filepath.Join(dir, version, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(version, filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
		parsed, err := cert.ParseCertsPEM(certificate)
		if err != nil {
			t.Fatal(err)
		}
		return parsed[0].Raw
	}
	was := put("first")
	address := serve(t, "--tls-cert-file", filepath.Join(dir, "data", "tls.crt"), "--tls-private-key-file", filepath.Join(dir, "data", "tls.key"))
	served := func() []byte {
		connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		return connection.ConnectionState().PeerCertificates[0].Raw
	}
	if !bytes.Equal(served(), was) {
		t.Fatal("it serves another certificate than that of the file")
	}
	is := put("second")
	if err := os.RemoveAll(filepath.Join(dir, "first")); err != nil {
		t.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		return bytes.Equal(served(), is), nil
	})
	if err != nil {
		t.Errorf("it does not serve the certificate that is there now: %v", err)
	}
}
