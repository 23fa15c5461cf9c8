package telemetry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/pflag"
	apiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	apiserveroptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
)

// ServingFlags say where health and metrics are served.
type ServingFlags struct {
	secure         *apiserveroptions.SecureServingOptions
	disableMetrics bool
	alwaysAllow    []string
}

// health are the paths that say that the program is up. They need no credentials.
var health = []string{"/healthz", "/readyz", "/livez"}

// Add adds the flags. The port is the default of --secure-port.
func (f *ServingFlags) Add(fs *pflag.FlagSet, program string, port int) {
	f.secure = apiserveroptions.NewSecureServingOptions()
	f.secure.BindPort = port
	f.secure.ServerCert.CertDirectory = "" // a self-signed certificate stays in memory
	f.secure.ServerCert.PairName = program
	f.secure.AddFlags(fs)
	fs.BoolVar(&f.disableMetrics, "disable-metrics", false, "serve health only, not /metrics")
	fs.StringSliceVar(&f.alwaysAllow, "authorization-always-allow-paths", health, "paths that are served to everybody; any other takes a bearer token whose owner may get it, as the API server says")
}

// Serve serves health and metrics until the context ends. The client's account has to create
// TokenReviews and SubjectAccessReviews, or nobody gets the metrics.
func (f *ServingFlags) Serve(ctx context.Context, client kubernetes.Interface, metrics http.Handler) error {
	if f.secure.BindPort == 0 {
		return nil
	}
	for _, err := range f.secure.Validate() {
		return err
	}
	if err := f.secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil); err != nil {
		return fmt.Errorf("making a certificate for health and metrics: %w", err)
	}
	var info *apiserver.SecureServingInfo
	if err := f.secure.ApplyTo(&info); err != nil {
		return fmt.Errorf("serving health and metrics (--secure-port=0 serves none): %w", err)
	}
	mux := http.NewServeMux()
	healthz.InstallHandler(mux, healthz.PingHealthz)
	healthz.InstallLivezHandler(mux, healthz.PingHealthz)
	healthz.InstallReadyzHandler(mux, healthz.PingHealthz)
	if !f.disableMetrics {
		mux.Handle("/metrics", metrics)
	}
	handler, err := guarded(mux, client, f.alwaysAllow)
	if err != nil {
		return fmt.Errorf("--authorization-always-allow-paths: %w", err)
	}
	if _, _, err := info.Serve(handler, 0, ctx.Done()); err != nil {
		return fmt.Errorf("serving health and metrics: %w", err)
	}
	return nil
}
