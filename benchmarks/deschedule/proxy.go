package deschedule

import (
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// proxy stands between a subject and the API server, and counts what the subject asks.
type proxy struct {
	server     *http.Server
	kubeconfig string

	mu    sync.Mutex
	began time.Time
	calls calls
}

// calls are what a subject has asked since counting began.
type calls struct {
	// total counts requests, and rejected the evictions refused with 429.
	total, rejected int
	// firstEviction is when the first eviction, or the first stand-in, was asked for; nil if none was.
	firstEviction *time.Duration
}

// startProxy starts a proxy and writes the kubeconfig for it to a folder. Who knows the
// path that it answers on has all rights that the configuration gives: client-go sends
// tokens over TLS only.
func startProxy(cfg *rest.Config, dir string) (*proxy, error) {
	target, err := url.Parse(cfg.Host)
	if err != nil {
		return nil, fmt.Errorf("address of the API server: %w", err)
	}
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	path := "/" + rand.Text()
	p := &proxy{kubeconfig: filepath.Join(dir, "proxy.kubeconfig"), began: time.Now()}
	forward := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:      transport,
		FlushInterval:  -1, // watches are for ever
		ModifyResponse: p.countResponse,
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	p.server = &http.Server{Handler: http.StripPrefix(path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.countRequest(r)
		forward.ServeHTTP(w, r)
	})), ErrorLog: log.New(io.Discard, "", 0)}
	go p.server.Serve(listener) //nolint:errcheck // it ends with Close
	if err := writeKubeconfig(p.kubeconfig, "http://"+listener.Addr().String()+path); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func writeKubeconfig(path, server string) error {
	const name = "proxy"
	cfg := clientcmdapi.NewConfig()
	cfg.Clusters[name] = &clientcmdapi.Cluster{Server: server}
	cfg.Contexts[name] = &clientcmdapi.Context{Cluster: name}
	cfg.CurrentContext = name
	if err := clientcmd.WriteToFile(*cfg, path); err != nil {
		return fmt.Errorf("writing kubeconfig %s: %w", path, err)
	}
	return nil
}

func (p *proxy) stop() { _ = p.server.Close() }

// begin begins to count anew.
func (p *proxy) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.calls = time.Now(), calls{}
}

// result returns what has been asked since counting began.
func (p *proxy) result() calls {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (p *proxy) countRequest(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls.total++
	if (isEviction(r) || isCreation(r)) && p.calls.firstEviction == nil {
		after := time.Since(p.began)
		p.calls.firstEviction = &after
	}
}

func (p *proxy) countResponse(r *http.Response) error {
	if r.StatusCode == http.StatusTooManyRequests && isEviction(r.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.calls.rejected++
	}
	return nil
}

// isCreation says whether the request creates a pod.
func isCreation(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/pods")
}

func isEviction(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/eviction")
}
