package probes

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// connection are arguments of how to reach something.
type connection struct {
	BearerTokenFile    string `json:"bearerTokenFile,omitempty" doc:"a file with a bearer token, read at each check"`
	CAFile             string `json:"caFile,omitempty" doc:"a PEM file with the CA certificates that the server's certificate is verified against"`
	InsecureSkipVerify bool   `json:"insecureSkipVerify,omitempty" doc:"do not verify the server's certificate"`
}

func (c connection) validate(fail failure) {
	if c.CAFile != "" && c.InsecureSkipVerify {
		fail("caFile", "has no effect with insecureSkipVerify")
	}
}

// RoundTrip implements http.RoundTripper. Each request has a connection of its own: behind
// a Service, only a new one can end at another pod. The files are read each time: they are
// of where the program runs, not of where the scenario is checked, and they change.
func (c connection) RoundTrip(request *http.Request) (*http.Response, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify}
	if c.CAFile != "" {
		data, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading caFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(data) {
			return nil, fmt.Errorf("caFile %s has no PEM certificate", c.CAFile)
		}
	}
	if c.BearerTokenFile != "" {
		token, err := os.ReadFile(c.BearerTokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading bearerTokenFile: %w", err)
		}
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	return transport.RoundTrip(request)
}

// withoutURL takes off an error the URL that a client puts before it: a query of one may hold a secret.
func withoutURL(err error) error {
	if wrapped, is := errors.AsType[*url.Error](err); is {
		return wrapped.Err
	}
	return err
}
