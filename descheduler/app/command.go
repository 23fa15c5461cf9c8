// Package app is the command line of the descheduler. A program with its own strategies
// is a main that passes them to NewCommand; descheduler/README.md shows one.
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
	// configurations are those of the schedulers that are simulated without --scheduler-config.
	configurations [][]byte
	registry       frameworkruntime.Registry
	preemptible    func(*schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool)
}

// WithStrategy adds a strategy that policies can name.
func WithStrategy(plugin strategy.Plugin) Option {
	return func(o *options) { o.strategies = append(o.strategies, plugin) }
}

// WithScheduler adds a KubeSchedulerConfiguration and a registry of plugins. The profiles
// of the configuration place the pods that name them, unless --scheduler-config replaces
// them. All configurations may use the plugins.
func WithScheduler(configuration []byte, registry frameworkruntime.Registry) Option {
	return func(o *options) {
		o.configurations = append(o.configurations, configuration)
		o.registry = registry
	}
}

// WithPreemptible sets the function that returns what a scheduler's profile says about
// preemptible nodes, if anything. RestorePreemptible uses it.
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
		Short: "Move pods to better nodes, within disruption budgets",
		Long: `stowage-descheduler evicts pods that should run on another node, because their node is
overutilized, violates one of their rules, or can be emptied. It simulates every move
with the scheduler's own filters and scores before anything is evicted, and evicts a pod
only if its replacement lands on a better node. Evictions respect every
PodDisruptionBudget. A run stops if the cluster does not behave as planned.

It reads the policies of the upstream descheduler (apiVersion: descheduler/v1alpha2), and
can replace it in a CronJob: without a subcommand it executes "run".

Exit codes:
  0  done, or nothing to do
  1  error, or interrupted
  2  stopped for safety
  4  refused: invalid flags, policy or scheduler configuration; nothing was changed`,
		Example: run.Example + "\n\n  # show what a run would do\n  stowage-descheduler plan --kubeconfig ~/.kube/config --policy-config-file policy.yaml",
		Args:    cobra.NoArgs,
		RunE:    run.RunE,
		Version: version.Line(program),
	}
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	run.Flags().VisitAll(func(f *pflag.Flag) { cmd.Flags().AddFlag(f) })
	cmd.AddCommand(run, newPlanCommand(built), newValidateCommand(built), version.Command(program))
	cli.Setup(cmd)
	return cmd
}
