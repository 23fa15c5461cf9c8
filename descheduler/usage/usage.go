// Package usage reads the actual usage of nodes and pods from the metrics server or from
// Prometheus, for strategies that do not use requests.
//
// Usage is that of the moment of the request. Nodes and pods that a source does not know have an
// unknown usage, not none: strategies skip them.
package usage

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// Whole is the amount of policy.MetricResource for which the Prometheus query returns 1: amounts
// are millionths.
const Whole = 1_000_000

// Options are the options of the sources.
type Options struct {
	// Config is the client configuration for the API server, which is used for the metrics
	// server and for the Secret with a token for Prometheus. It requires permission to list
	// nodes and pods of the group metrics.k8s.io, and to get that Secret.
	Config *rest.Config
	// ServiceAccount is the directory with the token and ca.crt of the service account. If
	// empty, it is the default one in pods.
	ServiceAccount string
}

// serviceAccount is where pods have the files of their service account.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Source reads actual usage from the source that a plugin's arguments name.
type Source func(ctx context.Context, args *policy.MetricsUtilization) (strategy.Usage, error)

// New returns a Source for the policy's providers, for strategy.Env.Usage, or nil if there are
// none. It makes no request. It fails if an address is invalid.
func New(providers []policy.MetricsProvider, opts Options) (Source, error) {
	if len(providers) == 0 {
		return nil, nil
	}
	if opts.ServiceAccount == "" {
		opts.ServiceAccount = serviceAccount
	}
	readers := map[policy.MetricsSource]Source{}
	var names []string
	for i, provider := range providers {
		reader, err := newReader(provider, opts)
		if err != nil {
			return nil, fmt.Errorf("metricsProviders[%d]: %w", i, err)
		}
		readers[provider.Source] = reader
		names = append(names, string(provider.Source))
	}
	return func(ctx context.Context, args *policy.MetricsUtilization) (strategy.Usage, error) {
		source := args.Source
		if args.MetricsServer {
			source = policy.KubernetesMetrics
		}
		reader, known := readers[source]
		if !known {
			return nil, fmt.Errorf("metricsUtilization.source is %q: must be one of metricsProviders (%s)", source, strings.Join(names, ", "))
		}
		return reader(ctx, args)
	}, nil
}

func newReader(provider policy.MetricsProvider, opts Options) (Source, error) {
	switch provider.Source {
	case policy.KubernetesMetrics:
		server, err := newMetricsServer(opts.Config)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, _ *policy.MetricsUtilization) (strategy.Usage, error) {
			return server.read(ctx)
		}, nil
	case policy.PrometheusMetrics:
		server, err := newPrometheus(provider.Prometheus, opts)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, args *policy.MetricsUtilization) (strategy.Usage, error) {
			return server.read(ctx, args.Prometheus)
		}, nil
	}
	return nil, fmt.Errorf("source is %q: must be %s or %s", provider.Source, policy.KubernetesMetrics, policy.PrometheusMetrics)
}

// figures are the usage that was read. They implement strategy.Usage.
type figures struct {
	nodes map[string]strategy.Amounts
	pods  map[types.NamespacedName]strategy.Amounts
}

// Node implements strategy.Usage.
func (f *figures) Node(name string) (strategy.Amounts, bool) {
	used, known := f.nodes[name]
	return used, known
}

// Pod implements strategy.Usage.
func (f *figures) Pod(namespace, name string) (strategy.Amounts, bool) {
	used, known := f.pods[types.NamespacedName{Namespace: namespace, Name: name}]
	return used, known
}
