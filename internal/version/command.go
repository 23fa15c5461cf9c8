package version

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	kubernetes "k8s.io/component-base/version"
)

// build is what `version -o json` prints.
type build struct {
	Program           string `json:"program"`
	Version           string `json:"version"`
	KubernetesVersion string `json:"kubernetesVersion"`
	GoVersion         string `json:"goVersion"`
	Platform          string `json:"platform"`
}

// Command returns a program's subcommand that prints what --version does, or more as JSON.
func Command(program string) *cobra.Command {
	const jsonFormat = "json"
	output := ""
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  # for scripts
  ` + program + ` version -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch output {
			case "":
				_, err := fmt.Fprintln(cmd.OutOrStdout(), Line(program))
				return err
			case jsonFormat:
				to := json.NewEncoder(cmd.OutOrStdout())
				to.SetIndent("", "  ")
				return to.Encode(build{
					Program: program, Version: stowage, KubernetesVersion: kubernetes.Get().GitVersion,
					GoVersion: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
				})
			default:
				return fmt.Errorf("--output %q: must be json, or omitted", output)
			}
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json: print it as JSON, with the versions of Kubernetes and Go that it is built with")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{jsonFormat}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
