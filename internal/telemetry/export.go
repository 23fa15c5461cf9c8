package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/push"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

// Registry holds the metrics of a program, to be served, pushed or written to a file.
type Registry struct{ metrics.KubeRegistry }

// NewRegistry returns a registry without metrics.
func NewRegistry() Registry { return Registry{metrics.NewKubeRegistry()} }

// Handler serves the metrics, and those of the process and its requests, as all Kubernetes
// components do.
func (r Registry) Handler() http.Handler {
	both := prometheus.Gatherers{r.Gatherer(), prometheus.GathererFunc(process)}
	return metrics.HandlerFor(both, metrics.HandlerOpts{ErrorHandling: metrics.ContinueOnError})
}

// process returns the metrics of the whole process, except those of the scheduling engine and
// its plugins: they would count simulations under the names of real scheduling.
func process() ([]*dto.MetricFamily, error) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool {
		return strings.HasPrefix(f.GetName(), "scheduler_") || strings.HasPrefix(f.GetName(), "stowage_")
	}), err
}

// WriteTextfile writes the metrics to a file for the node exporter's textfile collector,
// atomically. The name must end in .prom, because the node exporter reads no other files.
func (r Registry) WriteTextfile(path string) error {
	if filepath.Ext(path) != ".prom" {
		return fmt.Errorf("writing metrics to %s: the name must end in .prom, because the node exporter reads no other files", path)
	}
	if err := prometheus.WriteToTextfile(path, r.Gatherer()); err != nil {
		return fmt.Errorf("writing metrics to %s: %w", path, err)
	}
	return nil
}

// Push pushes the metrics to the Pushgateway at the address. They replace those that the job
// has pushed before. The address may contain a user, a password and a path. Errors never
// show the password.
func (r Registry) Push(ctx context.Context, address, job string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("pushing metrics: the address of the Pushgateway must be a URL such as http://pushgateway.monitoring:9091")
	}
	user := u.User
	u.User = nil
	pusher := push.New(u.String(), job).Gatherer(r.Gatherer())
	if user != nil {
		password, _ := user.Password()
		pusher.BasicAuth(user.Username(), password)
	}
	if err := pusher.PushContext(ctx); err != nil {
		return fmt.Errorf("pushing metrics to the Pushgateway %s, as job %q: %w", u, job, err)
	}
	return nil
}
