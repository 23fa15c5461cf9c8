package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func newWhyCommand(reader *app.Reader) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "why [pod] NAME",
		Short: "Explain why a pod is pending, or where it is",
		Long: `For a pending pod, shows which filter of its scheduler rejects it on which nodes, and the smallest
change after which it fits: a toleration, a lower request, a label, a rule dropped, one more node.
Each change was tried: the pod fits after it in a simulation of the cluster.

For a pod with a node, shows how its scheduler would score the nodes if it placed the pod now.

A pod names its scheduler in schedulerName. Known are the default-scheduler with its default
configuration and the profiles of stowage-scheduler. For other schedulers, and for a changed
configuration, use --scheduler-config.`,
		Example: `  kubectl stowage why pod web-5c7f8 --namespace shop
  kubectl stowage why web-5c7f8 -o yaml

  # From a dump, with the configuration of a scheduler
  kubectl stowage why web-5c7f8 --from-dump cluster.json --scheduler-config scheduler.yaml`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := addFlags(cmd, reader)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 || len(args) == 1 && isPod(args[0]) {
			return f.source.Complete(app.Pods, f.in)(cmd, args, begun)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := podName(args)
		if err != nil {
			return exit.Refuse(err)
		}
		if err := f.source.Validate(); err != nil {
			return err
		}
		var why *ask.Why
		err = f.world(cmd.Context(), func(ctx context.Context, world *ask.World) error {
			pod, err := world.Pod(f.in(), name)
			if err != nil {
				return exit.Refuse(err)
			}
			why, err = world.Why(ctx, pod)
			return err
		})
		if err != nil {
			return err
		}
		return f.source.Write(cmd.OutOrStdout(), why, func(out io.Writer, wide bool) error { return ask.WriteWhy(out, why, wide) })
	}
	return cmd
}

// podName returns the name in "NAME", "pod NAME" or "pod/NAME".
func podName(args []string) (string, error) {
	if len(args) == 1 {
		kind, name, both := strings.Cut(args[0], "/")
		if !both {
			return args[0], nil
		}
		args = []string{kind, name}
	}
	if !isPod(args[0]) {
		return "", fmt.Errorf("%q: must be pod", args[0])
	}
	return args[1], nil
}

func isPod(kind string) bool { return kind == "pod" || kind == "pods" || kind == "po" }
