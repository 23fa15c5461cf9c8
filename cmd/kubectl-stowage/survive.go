package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/chaos/survive"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

func newSurviveCommand(reader *app.Reader) *cobra.Command {
	var patches string
	opts := survive.Options{}
	cmd := &cobra.Command{
		Use:   "survive",
		Short: "Tell which losses of nodes are not survived, and the smallest change after which they are",
		Long: `Predicts each single loss of a node, a zone and all preemptible nodes. For each workload that does
not survive one, it searches for the smallest change after which it does: a topology spread
constraint, more replicas, a budget that allows more, a lower request. Nothing in the cluster is
changed.

A workload survives if its lost pods find other nodes, its budgets are not broken, and at least one
pod is ready in the end. --max-pending, --max-broken-budgets and --min-availability set other
limits. They hold for each workload by itself. A pod of a StatefulSet on a dead node waits until
somebody deletes the node: it is lost, but does not count as pending.

Each change was tried on a copy of the cluster: its rollout finds room, the workload survives the
loss after it, and no other workload loses out in any of the losses. Changes add up: each was tried
together with those above it. Only Deployments, StatefulSets and budgets are changed.

The exit code is 2 if a loss is not survived.`,
		Example: `  kubectl stowage survive
  kubectl stowage survive --losses zone --namespace shop

  # At least half of each workload must stay ready
  kubectl stowage survive --min-availability 50% --from-dump cluster.dump`,
		Args: cobra.NoArgs,
	}
	source := reader.Source(cmd)
	thresholds := source.Thresholds(cmd)
	losses := app.AddLosses(cmd, &opts)
	cmd.Flags().BoolVar(&opts.NoChanges, "no-changes", false, "do not search for changes")
	cmd.Flags().StringVar(&patches, "patches", "", "write the changes into this `folder`, as a kustomize component with a patch for each workload")
	_ = cmd.MarkFlagDirname("patches")
	_ = cmd.RegisterFlagCompletionFunc("namespace", source.Complete(app.Namespaces, nil))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		kinds, err := losses()
		if err != nil {
			return err
		}
		if patches != "" {
			if opts.NoChanges {
				return exit.Refuse(errors.New("--patches cannot be combined with --no-changes"))
			}
			if err := survive.CheckPatches(patches); err != nil {
				return exit.Refuse(fmt.Errorf("--patches: %w", err))
			}
		}
		if err := source.Validate(); err != nil {
			return err
		}
		opts.Thresholds = thresholds()
		answer, err := askSurvive(cmd.Context(), source, kinds, opts)
		if err != nil {
			return err
		}
		if err := source.Write(cmd.OutOrStdout(), answer, func(out io.Writer, wide bool) error { return survive.Write(out, answer, wide) }); err != nil {
			return err
		}
		if patches != "" {
			if err := survive.WritePatches(patches, answer); err != nil {
				return fmt.Errorf("--patches: %w", err)
			}
			fmt.Fprintf(os.Stderr, "Note: %s is a kustomize component with the changes of %s\n", patches, report.Count(len(answer.Changed), "workload"))
		}
		return survivedAll(answer)
	}
	return cmd
}

// askSurvive reads the cluster and asks about it.
func askSurvive(ctx context.Context, source *app.Source, kinds []survive.Kind, opts survive.Options) (*survive.Answer, error) {
	recognizer, err := source.Recognizer()
	if err != nil {
		return nil, err
	}
	if opts.Profiles, opts.Registry, err = source.Schedulers(); err != nil {
		return nil, err
	}
	picture, _, err := source.Picture(ctx)
	if err != nil {
		return nil, err
	}
	losses := survive.Losses(picture, recognizer, kinds)
	if len(losses) == 0 {
		return nil, exit.With(errors.New("there is nothing to lose: no node with pods, and none with the labels of the other kinds"), exit.Inconclusive)
	}
	progress := report.NewProgress(report.NewLive(os.Stderr))
	defer progress.End()
	opts.Progress = progress.Say
	return survive.Ask(ctx, picture, losses, opts)
}

// survivedAll is an error if a loss is not survived.
func survivedAll(answer *survive.Answer) error {
	var not, unknown []string
	for i := range answer.Losses {
		switch loss := &answer.Losses[i]; {
		case loss.Survived():
		case loss.Unknown():
			unknown = append(unknown, loss.String())
		default:
			not = append(not, loss.String())
		}
	}
	switch {
	case len(not) > 0:
		return exit.With(fmt.Errorf("not survived: %s", strings.Join(report.FirstOf(not, 5), ", ")), exit.Failed)
	case len(unknown) > 0:
		return exit.With(fmt.Errorf("not known whether survived: %s", strings.Join(report.FirstOf(unknown, 5), ", ")), exit.Inconclusive)
	}
	return nil
}
