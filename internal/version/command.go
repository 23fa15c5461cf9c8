package version

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// build is what `version -o json` and `-o yaml` print.
type build struct {
	Program           string `json:"program"`
	Version           string `json:"version"`
	KubernetesVersion string `json:"kubernetesVersion"`
	GoVersion         string `json:"goVersion"`
	Platform          string `json:"platform"`
}

// Command returns a program's subcommand that prints what --version does, or more as JSON or YAML.
func Command(program string) *cobra.Command {
	output := ""
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  # for scripts
  ` + program + ` version -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			of := build{
				Program: program, Version: stowage, KubernetesVersion: kubernetes.Get().GitVersion,
				GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
			}
			switch {
			case output == "":
				_, err := fmt.Fprintln(cmd.OutOrStdout(), Line(program))
				return err
			case !slices.Contains(report.Documents, output):
				return exit.Refuse(fmt.Errorf("--output %q: must be json or yaml, or omitted", output))
			}
			return report.WriteDocument(cmd.OutOrStdout(), output, of)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "print it as json or yaml, with the versions of Kubernetes and Go that it is built with")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(report.Documents, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
