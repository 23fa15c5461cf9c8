package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

func newDownCommand() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "down [NAME]",
		Short: "Stop a running playground",
		Example: `  stowage-playground down          # the only running playground
  stowage-playground down other    # one of several
  stowage-playground down --all`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all && len(args) > 0 {
				return exit.Refuse(errors.New("specify a name or --all, not both"))
			}
			names := runningNames()
			if !all {
				name, err := oneName(args)
				if err != nil {
					return err
				}
				names = []string{name}
			}
			var errs []error
			for _, name := range names {
				if err := playground.Down(cmd.Context(), name); err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(cmd.OutOrStdout(), "playground %q stopped\n", name)
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "stop all running playgrounds")
	return cmd
}

func newListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List running playgrounds",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "NAME\tKUBERNETES\tNODES\tAGE\tSERVER\tKUBECONFIG")
			for _, info := range playground.List() {
				age := "starting"
				if !info.Started.IsZero() {
					age = duration.HumanDuration(time.Since(info.Started))
				}
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", info.Name, info.Kubernetes, info.Nodes, age, info.Server, info.Kubeconfig)
			}
			return w.Flush()
		},
	}
}

func newKubeconfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "kubeconfig [NAME]",
		Short:             "Print the path to the kubeconfig of a running playground",
		Example:           `  KUBECONFIG=$(stowage-playground kubeconfig) && export KUBECONFIG`, // stops if there is none
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := oneName(args)
			if err != nil {
				return err
			}
			for _, info := range playground.List() {
				switch {
				case info.Name != name:
				case info.Started.IsZero():
					return fmt.Errorf("playground %q is still starting", name)
				default:
					fmt.Fprintln(cmd.OutOrStdout(), info.Kubeconfig)
					return nil
				}
			}
			return fmt.Errorf("no playground named %q is running", name)
		},
	}
}

// oneName returns the name in args, which must be that of a running playground, or that of the only
// one.
func oneName(args []string) (string, error) {
	switch names := runningNames(); {
	case len(args) > 0 && slices.Contains(names, args[0]):
		return args[0], nil
	case len(args) > 0:
		return "", exit.Refuse(fmt.Errorf("no playground named %q is running%s", args[0], spelling.DidYouMean(args[0], names)))
	case len(names) == 0:
		return "", errors.New("no playground is running")
	case len(names) == 1:
		return names[0], nil
	default:
		return "", exit.Refuse(fmt.Errorf("several playgrounds are running: specify one of %s", strings.Join(names, ", ")))
	}
}

func runningNames() []string {
	var names []string
	for _, info := range playground.List() {
		names = append(names, info.Name)
	}
	return names
}

func completeNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return runningNames(), cobra.ShellCompDirectiveNoFileComp
}
