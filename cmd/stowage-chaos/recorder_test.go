package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// recorder is between the program and the API server, with the administrator's rights.
type recorder struct {
	// flags lead to it.
	flags []string

	mu   sync.Mutex
	seen []string
	// killed is closed when the program has made the last of its changes, if there is one.
	killed  chan struct{}
	changes int
}

// killAfter answers no request after so many that change something, the last of which is carried out.
func (r *recorder) killAfter(changes int) { r.killed, r.changes = make(chan struct{}), changes }

// last counts the request, and says whether it is the last one, or comes after that.
func (r *recorder) last(request *http.Request) (last, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	over = r.killed != nil && r.changes == 0
	if over || r.killed == nil || request.Method == http.MethodGet || strings.HasSuffix(request.URL.Path, "reviews") {
		return false, over
	}
	r.changes--
	return r.changes == 0, false
}

// newRecorder returns a recorder, whose kubeconfig has the one context "recorded".
func newRecorder(t *testing.T) *recorder {
	t.Helper()
	config, err := play.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	through := httputil.NewSingleHostReverseProxy(target)
	if through.Transport, err = rest.TransportFor(config); err != nil {
		t.Fatal(err)
	}
	through.FlushInterval = -1
	r := &recorder{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.seen = append(r.seen, request.Method+" "+request.URL.Path)
		r.mu.Unlock()
		switch last, over := r.last(request); {
		case last:
			through.ServeHTTP(httptest.NewRecorder(), request)
			close(r.killed)
			panic(http.ErrAbortHandler)
		case over:
			panic(http.ErrAbortHandler)
		}
		through.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	const name = "recorded"
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: server.URL}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name}},
		CurrentContext: name,
	}, kubeconfig); err != nil {
		t.Fatal(err)
	}
	r.flags = []string{"--kubeconfig", kubeconfig}
	return r
}

// wantNoChange checks that there were no requests since the last time but such as read.
func (r *recorder) wantNoChange(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, request := range r.seen {
		if !slices.Contains([]string{"GET ", "HEAD"}, request[:4]) {
			t.Errorf("it made the request %s", request)
		}
	}
	r.seen = nil
}

// requests returns how many there were since the last time.
func (r *recorder) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}
