package version

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/internal/cli"
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
	output := cli.Document{}
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
			return output.Write(cmd, of, func() error {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), Line(program))
				return err
			})
		},
	}
	output.Add(cmd, "print it as json or yaml, with the versions of Kubernetes and Go that it is built with")
	return cmd
}
