// Package app is the descheduler as a command line. A program with strategies of its
// own is a main that passes them to NewCommand; descheduler/README.md shows one.
package app

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/descheduler/strategies"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/version"
)

const program = "stowage-descheduler"

// Option adds something to the command.
type Option func(*options)

// options are what the program is built with.
type options struct {
	strategies []strategy.Plugin
	// configurations are those of the schedulers that are known without --scheduler-config.
	configurations [][]byte
	registry       frameworkruntime.Registry
	preemptible    func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)
}

// WithStrategy adds a strategy that policies can name.
func WithStrategy(plugin strategy.Plugin) Option {
	return func(o *options) { o.strategies = append(o.strategies, plugin) }
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

// WithPreemptible says what a scheduler's profile knows of preemptible nodes, if anything:
// what RestorePreemptible goes by.
func WithPreemptible(of func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)) Option {
	return func(o *options) { o.preemptible = of }
}

// NewCommand returns the command stowage-descheduler.
func NewCommand(opts ...Option) *cobra.Command {
	built := &options{
		strategies: strategies.All(),
		preemptible: func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool) {
			return preemptible.Options{}, false
		},
	}
	for _, opt := range opts {
		opt(built)
	}
	run := newRunCommand(built)
	cmd := &cobra.Command{
		Use:   program,
		Short: "Moves pods to where the scheduler would put them today, within disruption budgets",
		Long: `stowage-descheduler evicts pods that would be better off elsewhere: from nodes that
are too full, that they should not be on, or that can be emptied. It plans every move
with the scheduler's own filters and scores before anything is evicted, and evicts
nothing that would not improve; it stays within every PodDisruptionBudget, and stops by
itself when the cluster does not do as planned.

It reads policies of the Kubernetes descheduler (apiVersion: descheduler/v1alpha2).
Without a subcommand it is "run", so that it can take that one's place in a CronJob.

Exit codes: 0 done, or nothing to do; 1 an error; 2 stopped for safety; 3 an invalid
policy or scheduler configuration.`,
		Example:           run.Example + "\n\n  # what a run would do\n  stowage-descheduler plan --kubeconfig ~/.kube/config --policy-config-file policy.yaml",
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return cli.CheckGiven(cmd.Flags()) },
		Args:              cobra.NoArgs,
		RunE:              run.RunE,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Version:           version.Line(program),
	}
	cmd.SetVersionTemplate("{{.Version}}\n")
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	run.Flags().VisitAll(func(f *pflag.Flag) { cmd.Flags().AddFlag(f) })
	cmd.AddCommand(run, newPlanCommand(built), newValidateCommand(built), version.Command(program))
	cli.Strict(cmd, func(err error) error { return err })
	return cmd
}
