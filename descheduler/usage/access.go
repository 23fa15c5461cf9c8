package usage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// tokenKey is the key of the token in its Secret, as in the upstream descheduler.
const tokenKey = "prometheusAuthToken"

// tokenSource returns the token to show, empty for none.
type tokenSource func(ctx context.Context) (string, error)

// newTokenSource returns the token of a Secret or, where none is named, of the service
// account. That one is shown to no server without TLS, where anybody on the way could
// take it, and there is none outside a cluster.
func newTokenSource(config *policy.AuthToken, address *url.URL, opts Options) (tokenSource, error) {
	if config != nil && config.SecretReference != nil {
		return newSecretSource(*config.SecretReference, opts)
	}
	if address.Scheme != "https" {
		return func(context.Context) (string, error) { return "", nil }, nil
	}
	path := filepath.Join(opts.ServiceAccount, "token")
	return func(context.Context) (string, error) {
		token, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("reading the service account's token: %w", err)
		}
		return strings.TrimSpace(string(token)), nil
	}, nil
}

func newSecretSource(ref policy.SecretReference, opts Options) (tokenSource, error) {
	where := fmt.Sprintf("prometheus.authToken.secretReference: Secret %s/%s", ref.Namespace, ref.Name)
	if opts.Config == nil {
		return nil, fmt.Errorf("%s: reading it requires an API server", where)
	}
	client, err := kubernetes.NewForConfig(opts.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	return func(ctx context.Context) (string, error) {
		secret, err := client.CoreV1().Secrets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if err != nil {
			return "", fmt.Errorf("%s: %w", where, err)
		}
		token := strings.TrimSpace(string(secret.Data[tokenKey]))
		if token == "" {
			return "", fmt.Errorf("%s has no key %s", where, tokenKey)
		}
		return token, nil
	}, nil
}

// rootSource returns the CA certificates to trust: the system's and the cluster's.
type rootSource struct{ directory string }

func (s rootSource) read() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	path := filepath.Join(s.directory, "ca.crt")
	switch data, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("reading the cluster's CA certificates: %w", err)
	case !roots.AppendCertsFromPEM(data):
		return nil, fmt.Errorf("reading the cluster's CA certificates: %s contains no certificate", path)
	}
	return roots, nil
}

// bearer sends the token only to the server that it is for, not to a server that this one
// redirects to.
type bearer struct {
	base  *http.Transport
	to    *url.URL
	token string
}

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" && r.URL.Scheme == b.to.Scheme && r.URL.Host == b.to.Host {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.base.RoundTrip(r)
}

func (p *prometheus) transport(ctx context.Context) (*bearer, error) {
	token, err := p.token(ctx)
	if err != nil {
		return nil, err
	}
	roots, err := p.roots.read()
	if err != nil {
		return nil, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return &bearer{base: base, to: p.url, token: token}, nil
}
