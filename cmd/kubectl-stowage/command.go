package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
)

const (
	program = "kubectl-stowage"
	// called is how kubectl calls the program.
	called = "kubectl stowage"
)

func newCommand(opts ...app.Option) *cobra.Command {
	reader := app.NewReader(opts...)
	cmd := &cobra.Command{
		Use:         program,
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: called},
		Short:       "Answer questions about where pods fit",
		Long: `kubectl stowage answers questions about where pods fit, in any cluster, by simulating the scheduler
of each pod with its own filters and scores. It only reads, except "upgrade --run".

Exit codes:
  0  answered
  1  error
  2  the answer is no: not all replicas fit, a loss would not be survived, a node cannot be drained or was not replaced in time
  3  inconclusive: nothing would be lost, what happens cannot be predicted, or an upgrade was interrupted
  4  refused: a wrong flag, argument or file, or another run is in progress`,
		Example: `  # Why is this pod pending, and what would change that?
  kubectl stowage why pod web-5c7f8 --namespace shop

  # What would happen without this node?
  kubectl stowage without node worker-1

  # Which single losses are not survived, and what would change that?
  kubectl stowage survive --losses node,zone

  # Tell when a loss is no longer survived
  kubectl stowage watch

  # How many of 20 replicas fit?
  kubectl stowage fit deployment web --replicas 20 --namespace shop

  # In which order can the nodes of a pool be replaced?
  kubectl stowage upgrade pool general

  # How many nodes would the pods need with other settings of the scheduler?
  kubectl stowage try`,
		PersistentPreRunE: reader.Prepare,
		Version:           version.Line(program),
	}
	cmd.SetGlobalNormalizationFunc(cliflag.WordSepNormalizeFunc)
	cmd.AddCommand(
		newWhyCommand(reader), reader.Without(called), newSurviveCommand(reader), reader.Watch(called), newFitCommand(reader), reader.Upgrade(called), newTryCommand(reader),
		version.Command(program),
	)
	cli.Setup(cmd)
	return cmd
}

// flags are those of a question about a cluster.
type flags struct {
	source    *app.Source
	namespace string
}

func addFlags(cmd *cobra.Command, reader *app.Reader) *flags {
	f := &flags{source: reader.Source(cmd)}
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "the `namespace` (default: that of the context)")
	_ = cmd.RegisterFlagCompletionFunc("namespace", f.source.Complete(app.Namespaces, nil))
	return f
}

// in returns the namespace that is asked about.
func (f *flags) in() string {
	if f.namespace == "" {
		f.namespace = f.source.Namespace()
	}
	return f.namespace
}

// world reads the cluster, and calls the function with a copy of it.
func (f *flags) world(ctx context.Context, do func(context.Context, *ask.World) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	profiles, registry, err := f.source.Schedulers()
	if err != nil {
		return err
	}
	picture, _, err := f.source.Picture(ctx)
	if err != nil {
		return err
	}
	progress := report.NewProgress(report.NewLive(os.Stderr))
	defer progress.End()
	world, err := ask.New(ctx, picture.Snapshot, ask.Options{
		Profiles: profiles, Registry: registry, Shortcuts: []string{candidatenodes.Name}, Progress: progress.Say,
	})
	if err != nil {
		return err
	}
	return do(ctx, world)
}
