// Package app is the stowage-chaos command line. To add your own faults and probes, pass them
// to NewCommand in a main program; chaos/README.md has an example.
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

// Option configures the command.
type Option func(*options)

// options are what the program is built with.
type options struct {
	faults []fault.Plugin
	probes []steady.Plugin
	// configurations are those of the schedulers that need no --scheduler-config.
	configurations [][]byte
	registry       frameworkruntime.Registry
	preemptible    func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)
	logging        *logsapi.LoggingConfiguration
}

// WithFault adds a fault that scenarios can use.
func WithFault(plugin fault.Plugin) Option {
	return func(o *options) { o.faults = append(o.faults, plugin) }
}

// WithProbe adds a probe that scenarios can use.
func WithProbe(plugin steady.Plugin) Option {
	return func(o *options) { o.probes = append(o.probes, plugin) }
}

// WithScheduler adds a KubeSchedulerConfiguration and a registry of plugins. Its profiles place
// the pods that name them, unless --scheduler-config overrides them. All configurations can use
// the plugins in addition to those of the engine.
func WithScheduler(configuration []byte, registry frameworkruntime.Registry) Option {
	return func(o *options) {
		o.configurations = append(o.configurations, configuration)
		o.registry = registry
	}
}

// WithPreemptible sets the function that returns the settings for preemptible nodes in a
// scheduler profile, if it has any.
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
		Short: "Remove pods, nodes, zones and preemptible capacity within disruption budgets, and measure the recovery",
		Long: `stowage-chaos tests how workloads cope with losing pods, nodes, zones and preemptible capacity.
It predicts the effect of a fault with the scheduler's own filters and scores, evicts pods
within every PodDisruptionBudget, measures how long the workloads take to recover, restores
what it changed, and reports a verdict.

Every command is a dry run by default: it only shows what it would do. To make changes, set
--no-dry-run and name a context. The same --seed draws the same victims.

Exit codes:
  0  the steady state held
  1  error
  2  the steady state was broken
  3  inconclusive: there was nothing to remove, or the run ended early
  4  refused: nothing was changed`,
		Example: `  # Show which pod would be evicted, and the effect
  stowage-chaos evict --namespaces shop

  # Evict one pod every 10 minutes for an hour
  stowage-chaos evict --namespaces shop --interval 10m --max-runtime 1h --context staging --no-dry-run

  # Predict the loss of each zone
  stowage-chaos assess zone`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return built.prepare(cmd) },
		Version:           version.Line(program),
	}
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	cmd.AddCommand(
		newEvictCommand(built), newScheduleCommand(built), newNodeCommand(built), newZoneCommand(built), newSpotCommand(built),
		newLatencyCommand(built), newAuditCommand(built), newAssessCommand(built), newScenarioCommand(built), newInteractiveCommand(built),
		(&Reader{built}).Watch(program), newReplayCommand(built), newReportCommand(), newRestoreCommand(built), version.Command(program),
	)
	cli.Setup(cmd)
	return cmd
}

// refuseEmpty refuses flags with an empty value, such as an empty shell variable, and durations
// of 0 if the flag should be omitted instead.
func refuseEmpty(cmd *cobra.Command) error {
	errs := []error{cli.CheckGiven(cmd.Flags())}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.String() == "0s" && slices.Contains([]string{"interval", "max-runtime", "max-recovery", "duration", "patience"}, f.Name) {
			errs = append(errs, fmt.Errorf("--%s=0s: must be a duration of more than 0 such as 10m; omit the flag for the default", f.Name))
		}
	})
	return refused(errors.Join(errs...))
}
