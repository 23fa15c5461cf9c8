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

// ServingFlags are the flags for serving health and metrics.
type ServingFlags struct {
	secure         *apiserveroptions.SecureServingOptions
	disableMetrics bool
	alwaysAllow    []string
}

// health are the paths of the health checks. They need no credentials.
var health = []string{"/healthz", "/readyz", "/livez"}

// Add adds the flags. The port is the default of --secure-port.
func (f *ServingFlags) Add(fs *pflag.FlagSet, program string, port int) {
	f.secure = apiserveroptions.NewSecureServingOptions()
	f.secure.BindPort = port
	f.secure.ServerCert.CertDirectory = "" // a self-signed certificate stays in memory
	f.secure.ServerCert.PairName = program
	f.secure.AddFlags(fs)
	fs.BoolVar(&f.disableMetrics, "disable-metrics", false, "serve only health checks, not /metrics")
	fs.StringSliceVar(&f.alwaysAllow, "authorization-always-allow-paths", health, "paths that are served without authorization; all others require a bearer token that the API server authorizes to get the path")
}

// Serve serves health and metrics until the context ends. If the client's account may not
// create TokenReviews and SubjectAccessReviews, nobody can read the metrics.
func (f *ServingFlags) Serve(ctx context.Context, client kubernetes.Interface, metrics http.Handler) error {
	if f.secure.BindPort == 0 {
		return nil
	}
	for _, err := range f.secure.Validate() {
		return err
	}
	if err := f.secure.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil); err != nil {
		return fmt.Errorf("creating a certificate for health and metrics: %w", err)
	}
	var info *apiserver.SecureServingInfo
	if err := f.secure.ApplyTo(&info); err != nil {
		return fmt.Errorf("serving health and metrics (--secure-port=0 turns them off): %w", err)
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
