package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// fits is the machine-readable answer for several workloads.
type fits struct {
	APIVersion string     `json:"apiVersion"`
	Kind       string     `json:"kind"`
	Items      []*ask.Fit `json:"items"`
}

func newFitCommand(reader *app.Reader) *cobra.Command {
	replicas := 0
	cmd := &cobra.Command{
		Use:   "fit FILE | fit deployment NAME",
		Short: "Tell how many replicas of a workload fit, and what is missing for the rest",
		Long: `Places the replicas of a workload one after another in a simulation of the cluster, beside all pods
that have a node. Shows how many fit and where, and for the rest which filter rejects them on which
nodes, the smallest change after which one more fits, and how many more nodes would hold all.

FILE is a manifest with Deployments, StatefulSets, ReplicaSets, ReplicationControllers, Jobs or Pods,
or - for the standard input. Its replicas are placed in addition to what runs. A deployment is one in
the cluster: its pods that have a node count as replicas.

The exit code is 2 if not all replicas fit.`,
		Example: `  kubectl stowage fit deployment web --replicas 20 --namespace shop
  kubectl stowage fit web.yaml --replicas 20

  # A chart, as it would be installed
  helm template shop charts/shop | kubectl stowage fit -`,
		Args: cobra.RangeArgs(1, 2),
	}
	f := addFlags(cmd, reader)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) == 1 && isDeployment(args[0]):
			return f.source.Complete(app.Deployments, f.in)(cmd, args, begun)
		case len(args) == 1:
			return nil, cobra.ShellCompDirectiveNoFileComp
		case begun != "" && strings.HasPrefix("deployment", begun):
			return []cobra.Completion{"deployment"}, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveDefault // files
	}
	cmd.Flags().IntVar(&replicas, "replicas", 0, "how many replicas are wanted in all, a `number` (default: those of the workload)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file, deployment, err := fitArguments(args)
		if err == nil && cmd.Flags().Changed("replicas") && replicas < 1 {
			err = fmt.Errorf("--replicas=%d: must be 1 or more", replicas)
		}
		if err != nil {
			return exit.Refuse(err)
		}
		if err := f.source.Validate(); err != nil {
			return err
		}
		var workloads []*ask.Workload
		if file != "" {
			if workloads, err = ask.ReadWorkloads(file, cmd.InOrStdin(), f.in()); err != nil {
				return exit.Refuse(err)
			}
			if replicas > 0 && len(workloads) > 1 {
				return exit.Refuse(fmt.Errorf("--replicas: %s has %d workloads: must have one", file, len(workloads)))
			}
		}
		answer := fits{APIVersion: ask.APIVersion, Kind: "FitList"}
		err = f.world(cmd.Context(), func(ctx context.Context, world *ask.World) error {
			if deployment != "" {
				workload, err := world.Deployment(f.in(), deployment)
				if err != nil {
					return exit.Refuse(err)
				}
				workloads = append(workloads, workload)
			}
			for _, workload := range workloads {
				if replicas > 0 {
					workload.Replicas = replicas
				}
				fit, err := world.Fit(ctx, workload)
				if err != nil {
					return err
				}
				answer.Items = append(answer.Items, fit)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := f.source.Write(cmd.OutOrStdout(), answer, answer.write); err != nil {
			return err
		}
		return answer.verdict()
	}
	return cmd
}

// fitArguments returns the file or the deployment that is asked about.
func fitArguments(args []string) (file, deployment string, err error) {
	if len(args) == 1 {
		kind, name, both := strings.Cut(args[0], "/")
		if !both || !isDeployment(kind) {
			return args[0], "", nil
		}
		args = []string{kind, name}
	}
	if !isDeployment(args[0]) {
		return "", "", fmt.Errorf("%q: must be deployment, or give one FILE", args[0])
	}
	return "", args[1], nil
}

func isDeployment(kind string) bool {
	switch kind {
	case "deployment", "deployments", "deploy", "deployment.apps", "deployments.apps":
		return true
	}
	return false
}

func (f fits) write(out io.Writer, wide bool) error {
	for i, fit := range f.Items {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := ask.WriteFit(out, fit, wide); err != nil {
			return err
		}
	}
	return nil
}

// verdict is an error if replicas are missing.
func (f fits) verdict() error {
	var missing []string
	for _, fit := range f.Items {
		if fit.Missing > 0 {
			missing = append(missing, fmt.Sprintf("%s: %d of %d replicas do not fit", fit.Workload, fit.Missing, fit.Replicas))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return exit.With(errors.New(strings.Join(missing, "; ")), exit.Failed)
}
