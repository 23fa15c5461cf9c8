// Command stowage-scheduler is kube-scheduler's engine with Stowage's plugins,
// configured to run as a secondary scheduler.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	_ "golang.org/x/crypto/x509roots/fallback" // images have no CA certificates
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"

	"github.com/stowage-k8s/stowage/internal/startup"
	"github.com/stowage-k8s/stowage/internal/version"
	"github.com/stowage-k8s/stowage/plugins"
)

const program = "stowage-scheduler"

func main() {
	os.Exit(cli.Run(newCommand()))
}

func newCommand() *cobra.Command {
	var s start
	options := []app.Option{s.fit}
	for name, factory := range startup.TellReading(startup.TrimInformers(s.withGatekeeper(plugins.NewRegistry()))) {
		options = append(options, app.WithPlugin(name, factory))
	}
	cmd := app.NewSchedulerCommand(options...)
	cmd.Use = program
	cmd.Long = `stowage-scheduler is kube-scheduler's engine with Stowage's plugins. It runs as a
secondary scheduler: it places pods whose spec.schedulerName names one of its
profiles ("stowage" by default), and leaves all other pods to the cluster's own
scheduler.

Without --config it uses the built-in configuration, which is identical to
config/scheduler/config.yaml. --kubeconfig, --kube-api-* and --leader-elect* flags
override the configuration.

Examples:
  # Connect to a cluster from outside
  stowage-scheduler --kubeconfig ~/.kube/config

  # Use your own configuration, and log in JSON
  stowage-scheduler --config my-profiles.yaml --logging-format json

  # Validate a configuration without a cluster, and print it with all defaults
  stowage-scheduler --config my-profiles.yaml --write-config-to /dev/stdout`
	// Print one line for a wrong flag, not hundreds of lines of usage.
	cmd.SilenceUsage = true
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())
	})
	describeOverrides(cmd.Flags())
	cmd.Flags().Lookup("help").Usage = "help for " + program
	setFeatureGates := cmd.PersistentPreRunE
	cmd.PersistentPreRunE = func(running *cobra.Command, args []string) error {
		if running != cmd {
			return nil // cobra's own commands, for shell completion
		}
		if cmd.Flags().Lookup("version").Value.String() == "true" {
			fmt.Println(version.Line(program))
			os.Exit(0)
		}
		if err := s.prepareConfig(cmd.Context(), cmd.Flags()); err != nil {
			return err
		}
		if err := s.emulate(cmd.Flags()); err != nil {
			return err
		}
		return s.explain(setFeatureGates(cmd, args))
	}
	plain := &cobra.Command{}
	for _, sub := range []*cobra.Command{admissionCommand(), webhookCommand(), version.Command(program)} {
		// Not the engine's functions, which print its flags.
		sub.SetUsageFunc(plain.UsageFunc())
		sub.SetHelpFunc(plain.HelpFunc())
		cmd.AddCommand(sub)
	}
	return cmd
}
