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

// Handler serves the metrics, and with them those of the process and of the requests it
// makes, as all Kubernetes components do.
func (r Registry) Handler() http.Handler {
	both := prometheus.Gatherers{r.Gatherer(), prometheus.GathererFunc(process)}
	return metrics.HandlerFor(both, metrics.HandlerOpts{ErrorHandling: metrics.ContinueOnError})
}

// process returns what the whole process registers, but for what the scheduling engine and its
// plugins do: here they count what happens in simulations, by the names of what happens to pods.
func process() ([]*dto.MetricFamily, error) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	return slices.DeleteFunc(families, func(f *dto.MetricFamily) bool {
		return strings.HasPrefix(f.GetName(), "scheduler_") || strings.HasPrefix(f.GetName(), "stowage_")
	}), err
}

// WriteTextfile writes the metrics to a file for the node exporter's textfile
// collector. The file is there as a whole or as it was. An error says that the name
// does not end in .prom, for others are not read, or why it cannot be written.
func (r Registry) WriteTextfile(path string) error {
	if filepath.Ext(path) != ".prom" {
		return fmt.Errorf("metrics to file %s: the name must end in .prom, for the node exporter reads no others", path)
	}
	if err := prometheus.WriteToTextfile(path, r.Gatherer()); err != nil {
		return fmt.Errorf("metrics to file %s: %w", path, err)
	}
	return nil
}

// Push pushes the metrics to the Pushgateway at the address, in place of those that the
// job pushed before. The address may have a user and password, and a path where the
// Pushgateway is behind one. An error never shows the password.
func (r Registry) Push(ctx context.Context, address, job string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("metrics to a Pushgateway: its address must be like http://pushgateway.monitoring:9091")
	}
	user := u.User
	u.User = nil
	pusher := push.New(u.String(), job).Gatherer(r.Gatherer())
	if user != nil {
		password, _ := user.Password()
		pusher.BasicAuth(user.Username(), password)
	}
	if err := pusher.PushContext(ctx); err != nil {
		return fmt.Errorf("metrics to the Pushgateway %s, as job %q: %w", u, job, err)
	}
	return nil
}
