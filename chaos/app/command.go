// Package app is chaos as a command line. A program with faults or probes of its own is a
// main that passes them to NewCommand; chaos/README.md shows one.
package app

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/probes"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/version"
)

const program = "stowage-chaos"

// Option adds something to the command.
type Option func(*options)

// options are what the program is built with.
type options struct {
	faults []fault.Plugin
	probes []steady.Plugin
	// configurations are those of the schedulers that are known without --scheduler-config.
	configurations [][]byte
	registry       frameworkruntime.Registry
	preemptible    func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)
	logging        *logsapi.LoggingConfiguration
}

// WithFault adds a fault that scenarios can name.
func WithFault(plugin fault.Plugin) Option {
	return func(o *options) { o.faults = append(o.faults, plugin) }
}

// WithProbe adds a probe that scenarios can name.
func WithProbe(plugin steady.Plugin) Option {
	return func(o *options) { o.probes = append(o.probes, plugin) }
}

// WithScheduler adds a KubeSchedulerConfiguration, whose profiles place the pods that name
// them unless a --scheduler-config says otherwise, and the plugins that it or others may
// use beside the engine's own.
func WithScheduler(configuration []byte, registry frameworkruntime.Registry) Option {
	return func(o *options) {
		o.configurations = append(o.configurations, configuration)
		o.registry = registry
	}
}

// WithPreemptible says what a scheduler's profile knows of preemptible nodes, if anything.
func WithPreemptible(of func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)) Option {
	return func(o *options) { o.preemptible = of }
}

func build(opts []Option) *options {
	built := &options{
		probes:  probes.All(),
		logging: logsapi.NewLoggingConfiguration(),
		preemptible: func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool) {
			return preemptible.Options{}, false
		},
	}
	for _, opt := range opts {
		opt(built)
	}
	return built
}

// NewCommand returns the command stowage-chaos.
func NewCommand(opts ...Option) *cobra.Command {
	built := build(opts)
	cmd := &cobra.Command{
		Use:   program,
		Short: "Takes away pods, nodes, zones and preemptible capacity, within budgets, and measures the recovery",
		Long: `stowage-chaos shows whether workloads survive what happens to every cluster: pods that
are evicted, nodes and zones that are lost, preemptible capacity that is taken back. It
predicts what a fault would do with the scheduler's own filters and scores, does it within
every PodDisruptionBudget, measures how long the workloads take to recover, puts everything
back and gives a verdict.

Nothing is done without --no-dry-run and the name of a context: until then each command
shows what it would do. The same --seed draws the same victims.

Exit codes: 0 the steady state held; 1 an error; 2 the steady state was broken; 3
inconclusive, for nothing was there to be taken away or it ended early; 4 refused, and
nothing was done.`,
		Example: `  # which pod would be evicted, and what would come of it
  stowage-chaos evict --namespaces shop

  # evict one, every 10 minutes for an hour
  stowage-chaos evict --namespaces shop --interval 10m --max-runtime 1h --context staging --no-dry-run

  # what would the loss of each zone do
  stowage-chaos assess zone`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return built.prepare(cmd) },
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:      true,
		SilenceErrors:     true,
		Version:           version.Line(program),
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	cmd.AddCommand(
		newEvictCommand(built), newScheduleCommand(built), newNodeCommand(built), newZoneCommand(built), newSpotCommand(built),
		newLatencyCommand(built), newAuditCommand(built), newAssessCommand(built), newScenarioCommand(built), newInteractiveCommand(built),
		newReplayCommand(built), newReportCommand(), newRestoreCommand(built), version.Command(program),
	)
	cli.Strict(cmd, refused)
	return cmd
}

// refuseEmpty refuses flags that are given without saying anything, such as an empty
// variable in a shell, and durations of 0 where leaving them out is what was meant.
func refuseEmpty(cmd *cobra.Command) error {
	errs := []error{cli.CheckGiven(cmd.Flags())}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.String() == "0s" && slices.Contains([]string{"interval", "max-runtime", "max-recovery", "duration", "patience"}, f.Name) {
			errs = append(errs, fmt.Errorf("--%s=0s says nothing: leave it out, or give a duration such as 10m", f.Name))
		}
	})
	return refused(errors.Join(errs...))
}
