package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"
	apiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	apiserveroptions "k8s.io/apiserver/pkg/server/options"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/webhook"
)

// webhookPort is also the port of kubelets, to which firewalls allow connections from API servers.
const webhookPort = 10250

// webhookFlags are those of the command webhook.
type webhookFlags struct {
	policies string
	name     string
	client   connect.Flags
	serving  *apiserveroptions.SecureServingOptions
	logging  *logsapi.LoggingConfiguration
}

// webhookCommand serves the admission policies for API servers that do not evaluate them.
func webhookCommand() *cobra.Command {
	f := webhookFlags{serving: apiserveroptions.NewSecureServingOptions(), logging: logsapi.NewLoggingConfiguration()}
	cmd := &cobra.Command{
		Use:   "webhook",
		Short: "Serve the admission policies as a webhook, for Kubernetes before 1.36",
		Long: `Serves the policies that the command admission prints as a webhook. Pods get the same
changes. config/scheduler/autoscaler/webhook installs it.

Without --tls-cert-file, it creates a certificate for one year, stores it in a Secret in
its own namespace, and writes the CA into a MutatingWebhookConfiguration. It renews the
certificate when a third of its lifetime is left.

With --tls-cert-file, for example with a certificate of cert-manager, it sends no requests
to the API server. It reloads the files when they change.`,
		Example: `  # Create and renew the certificate
  stowage-scheduler webhook --policies policies.yaml

  # Use a certificate of cert-manager
  stowage-scheduler webhook --policies policies.yaml --tls-cert-file tls.crt --tls-private-key-file tls.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.policies, "policies", "", "`file` with the policies, as printed by the command admission")
	fs.StringVar(&f.name, "name", preemptible.WebhookName, "name of the Secret and the MutatingWebhookConfiguration")
	f.client.Add(fs)
	f.serving.BindPort, f.serving.Required = webhookPort, true
	f.serving.AddFlags(fs)
	for name, usage := range map[string]string{
		"secure-port":          "port to serve on",
		"tls-cert-file":        "certificate to serve with, followed by the certificates of its CAs (default: a certificate that the webhook creates)",
		"tls-private-key-file": "private key for --tls-cert-file",
	} {
		fs.Lookup(name).Usage = usage
	}
	fs.Lookup("cert-dir").Hidden = true // the webhook does not store its own certificate in files
	logsapi.AddFlags(f.logging, fs)
	return cmd
}

func (f *webhookFlags) run(cmd *cobra.Command) error {
	if err := errors.Join(append(f.serving.Validate(), cli.CheckGiven(cmd.Flags()), logsapi.ValidateAndApply(f.logging, nil))...); err != nil {
		return err
	}
	mux, err := f.handler()
	if err != nil {
		return err
	}
	healthz.InstallLivezHandler(mux, healthz.PingHealthz)
	healthz.InstallReadyzHandler(mux, healthz.PingHealthz)
	ctx := apiserver.SetupSignalContext()
	keeper, err := f.keeper(ctx)
	if err != nil {
		return err
	}
	if keeper != nil {
		f.serving.ServerCert.GeneratedCert = keeper
	}
	var info *apiserver.SecureServingInfo
	if err := f.serving.ApplyTo(&info); err != nil {
		return err
	}
	if keeper != nil {
		go keeper.Run(ctx)
		select {
		case <-keeper.Ready():
		case <-ctx.Done():
			return nil
		}
	}
	return webhook.Serve(ctx, info, mux)
}

// handler returns the handler that evaluates the policies.
func (f *webhookFlags) handler() (*http.ServeMux, error) {
	if f.policies == "" {
		return nil, errors.New("--policies is required: specify a file with the output of `stowage-scheduler admission`")
	}
	data, err := os.ReadFile(f.policies)
	if err != nil {
		return nil, fmt.Errorf("reading the policies: %w", err)
	}
	mux, err := webhook.NewHandler(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.policies, err)
	}
	return mux, nil
}

// keeper returns the keeper of the webhook's own certificate, or nil if files are used.
func (f *webhookFlags) keeper(ctx context.Context) (*webhook.Keeper, error) {
	switch files := f.serving.ServerCert.CertKey; {
	case (files.CertFile == "") != (files.KeyFile == ""):
		return nil, errors.New("--tls-cert-file and --tls-private-key-file must be set together")
	case files.CertFile != "":
		return nil, nil
	}
	cluster, err := f.client.Connect(ctx, program)
	if err != nil {
		return nil, err
	}
	if cluster.Outside != "" {
		klog.FromContext(ctx).Info(cluster.Outside)
	}
	return webhook.NewKeeper(cluster, connect.OwnNamespace(), f.name, clock.RealClock{})
}
