// Package faultproxy is a proxy before an API server that fails as a test says, or by a seed: it
// delays requests, cuts connections, answers with errors before or after a request was carried
// out, spoils answers, and disturbs watches.
package faultproxy

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Context is the name of the context in the proxy's kubeconfig.
const Context = "faulty"

// Proxy stands between one program and an API server. It has the program's rights.
type Proxy struct {
	faults   Faults
	server   *httptest.Server
	upstream http.RoundTripper
	host     *url.URL

	mu sync.Mutex
	// healed is closed while all passes.
	healed   chan struct{}
	numbers  map[string]int
	injected map[Kind]int
	log      []string
	writes   int
	onWrite  []func(n int)
}

// Start starts a proxy with the rights of the configuration. Nothing fails until Break is called.
func Start(config *rest.Config, faults Faults) (*Proxy, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	upstream, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("the proxy's way to the API server: %w", err)
	}
	host, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("the API server's address: %w", err)
	}
	p := &Proxy{
		faults: faults, upstream: upstream, host: host, healed: make(chan struct{}), numbers: map[string]int{}, injected: map[Kind]int{},
	}
	close(p.healed)
	p.server = httptest.NewUnstartedServer(p)
	p.server.EnableHTTP2 = true
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, conn)
	}
	p.server.StartTLS()
	return p, nil
}

type connKey struct{}

// Close ends the proxy and its connections.
func (p *Proxy) Close() {
	p.server.CloseClientConnections()
	p.Heal()
	p.server.Close()
}

// Break makes requests fail from now on, and Heal lets all pass. Heal also ends watches that lag.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.healed = make(chan struct{})
}

func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !passes(p.healed) {
		close(p.healed)
	}
}

// passes reports whether the channel is closed.
func passes(healed <-chan struct{}) bool {
	select {
	case <-healed:
		return true
	default:
		return false
	}
}

// OnWrite has a function called after each request that writes, with its number from 1.
func (p *Proxy) OnWrite(f func(n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onWrite = append(p.onWrite, f)
}

// Injected returns how many faults there were of each kind.
func (p *Proxy) Injected() map[Kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[Kind]int{}
	for kind, n := range p.injected {
		all[kind] = n
	}
	return all
}

// Log returns what the proxy did, a line per fault.
func (p *Proxy) Log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.log...)
}

// Kubeconfig writes a kubeconfig for the proxy into a folder, and returns its path.
func (p *Proxy) Kubeconfig(dir string) (string, error) {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	config := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{Context: {Server: p.server.URL, CertificateAuthorityData: ca}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{Context: {}},
		Contexts:       map[string]*clientcmdapi.Context{Context: {Cluster: Context, AuthInfo: Context}},
		CurrentContext: Context,
	}
	path := filepath.Join(dir, "faulty.kubeconfig")
	if err := clientcmd.WriteToFile(config, path); err != nil {
		return "", fmt.Errorf("writing the proxy's kubeconfig: %w", err)
	}
	return path, os.Chmod(path, 0o600)
}

// next returns the fault of a request.
func (p *Proxy) next(r *http.Request) (Fault, bool) {
	query := r.URL.Query()
	request := Request{
		Method: r.Method, Path: r.URL.Path, Watch: query.Get("watch") == "true" || query.Get("watch") == "1",
		Versioned: query.Get("resourceVersion") != "" && query.Get("resourceVersion") != "0" || query.Get("continue") != "",
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	class := request.Class()
	request.Number = p.numbers[class]
	p.numbers[class]++
	if passes(p.healed) {
		return Fault{}, false
	}
	fault, fails := p.faults.Of(request)
	if fails {
		p.injected[fault.Kind]++
		p.log = append(p.log, fmt.Sprintf("%s %s %d: %s", time.Now().Format("15:04:05.000"), class, request.Number, fault.Kind))
	}
	return fault, fails
}

// wrote counts a request that was carried out.
func (p *Proxy) wrote(r *http.Request) {
	if r.Method == http.MethodGet || strings.HasSuffix(r.URL.Path, "reviews") {
		return
	}
	p.mu.Lock()
	p.writes++
	n, functions := p.writes, p.onWrite
	p.mu.Unlock()
	for _, f := range functions {
		f(n)
	}
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault, _ := p.next(r)
	switch fault.Kind {
	case Delay:
		select {
		case <-time.After(fault.For):
		case <-r.Context().Done():
			return
		}
	case CutBefore:
		cut(r)
	case Throttled, ThrottledFor, Conflict, Internal, Unavailable, Expired, Forbidden:
		answer(w, fault.Kind)
		return
	}
	response, err := p.forward(r)
	if err != nil {
		if r.Context().Err() == nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
		}
		return
	}
	defer response.Body.Close()
	p.wrote(r)
	switch {
	case fault.Kind == CutAfter:
		cut(r)
	case fault.Kind == Timeout:
		answer(w, fault.Kind)
	case r.URL.Query().Get("watch") != "" && response.StatusCode == http.StatusOK:
		p.stream(w, r, response, fault)
	default:
		relay(w, r, response, fault.Kind)
	}
}

// forward sends a request to the API server.
func (p *Proxy) forward(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host, out.RequestURI = p.host.Scheme, p.host.Host, p.host.Host, ""
	out.Header.Del("Authorization")
	out.Header.Set("Accept-Encoding", "identity")
	return p.upstream.RoundTrip(out)
}

// relay passes an answer on, perhaps spoiled.
func relay(w http.ResponseWriter, r *http.Request, response *http.Response, fault Kind) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		cut(r)
	}
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	switch {
	case fault == HangUp:
		w.Header().Set("Connection", "close")
	case fault == Garbled && len(body) > 0:
		// Neither JSON nor protobuf begins like this, so that it is not taken for another answer.
		body = append(bytes.Repeat([]byte{'}'}, min(8, len(body))), body[min(8, len(body)):]...)
	case fault == Truncated && len(body) > 1:
		w.WriteHeader(response.StatusCode)
		w.Write(body[:len(body)/2])
		http.NewResponseController(w).Flush()
		cut(r)
	}
	w.WriteHeader(response.StatusCode)
	w.Write(body)
}

// cut ends the connection of a request, and with it all that share it.
func cut(r *http.Request) {
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
		conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// answer answers with an error as an API server words it.
func answer(w http.ResponseWriter, kind Kind) {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure, Message: "injected: " + string(kind),
	}
	switch kind {
	case Throttled, ThrottledFor:
		status.Code, status.Reason = http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests
		if kind == ThrottledFor {
			w.Header().Set("Retry-After", "1")
			status.Details = &metav1.StatusDetails{RetryAfterSeconds: 1}
		}
	case Conflict:
		status.Code, status.Reason = http.StatusConflict, metav1.StatusReasonConflict
	case Internal:
		status.Code, status.Reason = http.StatusInternalServerError, metav1.StatusReasonInternalError
	case Unavailable:
		status.Code, status.Reason = http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable
	case Timeout:
		status.Code, status.Reason = http.StatusGatewayTimeout, metav1.StatusReasonTimeout
	case Forbidden:
		status.Code, status.Reason = http.StatusForbidden, metav1.StatusReasonForbidden
	case Expired:
		status.Code, status.Reason = http.StatusGone, metav1.StatusReasonExpired
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	if err := json.NewEncoder(w).Encode(status); err != nil && !errors.Is(err, io.EOF) {
		return // the client is gone
	}
}
