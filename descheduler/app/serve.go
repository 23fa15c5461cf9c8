package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/pflag"
	apiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	apiserveroptions "k8s.io/apiserver/pkg/server/options"
)

// servingPort is the known descheduler's, so that probes and scrapes find it.
const servingPort = 10258

// servingFlags say where health and metrics are served.
type servingFlags struct {
	secure         *apiserveroptions.SecureServingOptions
	disableMetrics bool
}

func (f *servingFlags) add(fs *pflag.FlagSet) {
	f.secure = apiserveroptions.NewSecureServingOptions()
	f.secure.BindPort = servingPort
	f.secure.ServerCert.CertDirectory = "" // a self-signed certificate stays in memory
	f.secure.ServerCert.PairName = program
	f.secure.AddFlags(fs)
	fs.BoolVar(&f.disableMetrics, "disable-metrics", false, "serve /healthz only, not /metrics")
}

// serve serves health and metrics until the context ends.
func (f *servingFlags) serve(ctx context.Context, metrics http.Handler) error {
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
	if _, _, err := info.Serve(mux, 0, ctx.Done()); err != nil {
		return fmt.Errorf("serving health and metrics: %w", err)
	}
	return nil
}
