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

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// proxy is between the descheduler and the API server.
type proxy struct {
	http.Handler
	// kubeconfig leads to it, and is otherwise the descheduler's.
	kubeconfig string

	mu   sync.Mutex
	seen []string
}

// newProxy returns a proxy that may answer by itself where the function says so.
func newProxy(t *testing.T, answer func(p *proxy, w http.ResponseWriter, r *http.Request) (answered bool)) *proxy {
	t.Helper()
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cluster := config.Clusters[config.Contexts[config.CurrentContext].Cluster]
	target, err := url.Parse(cluster.Server)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(&rest.Config{Host: cluster.Server, TLSClientConfig: rest.TLSClientConfig{CAData: cluster.CertificateAuthorityData, CAFile: cluster.CertificateAuthority}})
	if err != nil {
		t.Fatal(err)
	}
	token := config.AuthInfos[config.Contexts[config.CurrentContext].AuthInfo].Token
	through := httputil.NewSingleHostReverseProxy(target)
	through.Transport, through.FlushInterval = transport, -1
	p := &proxy{Handler: through}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r.Method+" "+r.URL.Path)
		p.mu.Unlock()
		r.Header.Set("Authorization", "Bearer "+token) // clients show none without TLS
		if !answer(p, w, r) {
			p.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	cluster.Server, cluster.CertificateAuthorityData, cluster.CertificateAuthority = server.URL, nil, ""
	p.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, p.kubeconfig); err != nil {
		t.Fatal(err)
	}
	return p
}

// requests returns those that begin so.
func (p *proxy) requests(prefix string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.seen), func(r string) bool { return !strings.HasPrefix(r, prefix) })
}

func evicts(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/eviction")
}

// TestFaultsInTheMiddle has an admission webhook keep one pod, and cuts the connection
// when the API server has evicted another one.
func TestFaultsInTheMiddle(t *testing.T) {
	forget(t)
	ns := crowd(t, "")
	var mu sync.Mutex
	refused, lost := "", ""
	p := newProxy(t, func(p *proxy, w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case !evicts(r):
			return false
		case refused == "" || r.URL.Path == refused:
			refused = r.URL.Path
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403, "message": "not today"}`))
			return true
		case lost == "":
			lost = r.URL.Path
			p.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	e := run(t, append(installedArgs(t), "--kubeconfig", p.kubeconfig, "-o", "json", "--wave-timeout", "20s")...)
	e.want(t, 0)
	var refusals, evicted int
	r := e.report(t)
	for _, eviction := range r.Result.Evictions {
		switch path := "/api/v1/namespaces/" + ns + "/pods/" + eviction.Move.Pod.Name + "/eviction"; {
		case path == refused && eviction.Outcome == disruption.Forbidden && strings.Contains(eviction.Error, "not today"):
			refusals++
		case path != refused && eviction.Outcome == disruption.Evicted:
			evicted++
		default:
			t.Errorf("an eviction is %+v", eviction)
		}
	}
	if c := r.Summary.Carried; refusals != 1 || evicted == 0 || c.Evicted != evicted || c.Useless+c.Returned+c.NotSeen > 0 {
		t.Errorf("one pod was refused %d times; the run came to %+v", refusals, c)
	}
	asked := p.requests("GET " + strings.TrimSuffix(lost, "/eviction"))
	if len(asked) == 0 || strings.Contains(e.log, "is forbidden") {
		t.Errorf("it asked %d times for the pod: %s", len(asked), e.log)
	}
}
