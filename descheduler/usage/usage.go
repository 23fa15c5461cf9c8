// Package usage reads what nodes and pods actually use, from the metrics server or from
// a Prometheus server, for strategies that do not go by requests.
//
// Figures are those of the moment they are asked for. Nodes and pods that a source does
// not know are not known, which is not the same as idle: strategies leave them out.
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

// Whole is the amount of policy.MetricResource that a node has in use whose share, by the
// Prometheus query, is 1: amounts of it are millionths.
const Whole = 1_000_000

// Options say how sources are reached.
type Options struct {
	// Config reaches the API server: for the metrics server, and for the Secret that a
	// token for Prometheus is in. The rights it takes are to list nodes and pods of the
	// group metrics.k8s.io, and to get that Secret.
	Config *rest.Config
	// ServiceAccount is the directory with the token and ca.crt of the service account;
	// empty is where pods have it.
	ServiceAccount string
}

// serviceAccount is where pods have the files of their service account.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// Source reads actual usage from the source that a plugin's arguments name.
type Source func(ctx context.Context, args *policy.MetricsUtilization) (strategy.Usage, error)

// New returns what reads the usage from the policy's providers, for strategy.Env.Usage:
// nil where there are none. It makes no request. It fails for an address that cannot be.
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
			return nil, fmt.Errorf("metricsUtilization.source is %q, which metricsProviders does not have: it has %s", source, strings.Join(names, ", "))
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
	return nil, fmt.Errorf("source %q is not known: it must be %s or %s", provider.Source, policy.KubernetesMetrics, policy.PrometheusMetrics)
}

// figures are usage that was read. They implement strategy.Usage.
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
