package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
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

// listed is a running playground for programs.
type listed struct {
	Name       string     `json:"name"`
	Kubernetes string     `json:"kubernetes,omitempty"`
	Nodes      int        `json:"nodes"`
	RealNodes  []string   `json:"realNodes,omitempty"`
	Started    *time.Time `json:"started,omitempty"`
	Server     string     `json:"server,omitempty"`
	Kubeconfig string     `json:"kubeconfig,omitempty"`
	Context    string     `json:"context,omitempty"`
}

func newListCommand() *cobra.Command {
	output := cli.Document{}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List running playgrounds",
		Example: `  # for scripts
  stowage-playground list -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			running, items := playground.List(), []listed{}
			for _, info := range running {
				item := listed{info.Name, info.Kubernetes, info.Nodes, info.RealNodes, &info.Started, info.Server, info.Kubeconfig, info.Context}
				if info.Started.IsZero() {
					item.Started = nil // it is starting
				}
				items = append(items, item)
			}
			return output.Write(cmd, struct {
				APIVersion string   `json:"apiVersion"`
				Kind       string   `json:"kind"`
				Items      []listed `json:"items"`
			}{pool.APIVersion, "PlaygroundList", items}, func() error { return tableOf(cmd.OutOrStdout(), running) })
		},
	}
	output.Add(cmd, "print it as json or yaml")
	return cmd
}

func tableOf(out io.Writer, running []playground.Info) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NAME\tKUBERNETES\tNODES\tAGE\tSERVER\tKUBECONFIG")
	for _, info := range running {
		age := "starting"
		if !info.Started.IsZero() {
			age = duration.HumanDuration(time.Since(info.Started))
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", info.Name, info.Kubernetes, info.Nodes, age, info.Server, info.Kubeconfig)
	}
	return w.Flush()
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
