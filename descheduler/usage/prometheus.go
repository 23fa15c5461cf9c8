package usage

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// prometheusTimeout is how long a query may take.
const prometheusTimeout = 30 * time.Second

// nodeLabel is the label of samples that names the node.
const nodeLabel = "instance"

// prometheus reads shares of nodes from a Prometheus server. It has no usage of pods.
type prometheus struct {
	url   *url.URL
	token tokenSource
	roots rootSource
}

func newPrometheus(config *policy.Prometheus, opts Options) (*prometheus, error) {
	if config == nil {
		return nil, errors.New("prometheus.url is required")
	}
	address, err := url.Parse(config.URL)
	if err != nil {
		return nil, fmt.Errorf("prometheus.url: %w", err)
	}
	if address.Host == "" || address.Scheme != "http" && address.Scheme != "https" {
		return nil, fmt.Errorf("prometheus.url is %q: must be an http or https URL with a host", config.URL)
	}
	token, err := newTokenSource(config.AuthToken, address, opts)
	if err != nil {
		return nil, err
	}
	return &prometheus{url: address, token: token, roots: rootSource{directory: opts.ServiceAccount}}, nil
}

// read runs the query. It reads token and certificates each time, because they change.
func (p *prometheus) read(ctx context.Context, args *policy.PrometheusQuery) (strategy.Usage, error) {
	if args == nil || args.Query == "" {
		return nil, errors.New("metricsUtilization.prometheus.query is required")
	}
	ctx, cancel := context.WithTimeout(ctx, prometheusTimeout)
	defer cancel()
	transport, err := p.transport(ctx)
	if err != nil {
		return nil, err
	}
	client, err := promapi.NewClient(promapi.Config{Address: p.url.String(), Client: &http.Client{Transport: transport}})
	if err != nil {
		return nil, fmt.Errorf("creating a client for Prometheus: %w", err)
	}
	defer transport.base.CloseIdleConnections()
	// No time means the server's now: clocks differ.
	answer, warnings, err := promv1.NewAPI(client).Query(ctx, args.Query, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("querying Prometheus at %s for %q: %w", p.url.Redacted(), args.Query, err)
	}
	if len(warnings) > 0 {
		klog.FromContext(ctx).Info("Prometheus returned warnings", "query", args.Query, "warnings", strings.Join(warnings, "; "))
	}
	f, err := shares(answer)
	if err != nil {
		return nil, fmt.Errorf("querying Prometheus at %s: query %q %w", p.url.Redacted(), args.Query, err)
	}
	return f, nil
}

// shares turns samples into amounts.
func shares(answer model.Value) (*figures, error) {
	vector, is := answer.(model.Vector)
	if !is {
		return nil, fmt.Errorf("returns a %s: it must return an instant vector with one share per node", answer.Type())
	}
	if len(vector) == 0 {
		return nil, errors.New("returns nothing: it must return one share per node")
	}
	f := &figures{nodes: make(map[string]strategy.Amounts, len(vector))}
	for _, sample := range vector {
		if sample == nil {
			return nil, errors.New("returns a sample that is null")
		}
		node := string(sample.Metric[nodeLabel])
		_, twice := f.nodes[node]
		share := float64(sample.Value)
		switch {
		case node == "":
			return nil, fmt.Errorf("returns the sample %s, whose label %s does not name a node", sample.Metric, nodeLabel)
		case twice:
			return nil, fmt.Errorf("returns more than one share of node %s: aggregate by (%s)", node, nodeLabel)
		case math.IsNaN(share):
			continue // 0 of 0: unknown
		case share < 0 || share > 1:
			return nil, fmt.Errorf("returns %v for node %s: shares are from 0 to 1", share, node)
		}
		f.nodes[node] = strategy.Amounts{policy.MetricResource: int64(math.Round(share * Whole))}
	}
	return f, nil
}
