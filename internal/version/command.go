package version

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	kubernetes "k8s.io/component-base/version"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/exit"
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
	output, formats := "", []string{"json", "yaml"}
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
			var text []byte
			var err error
			switch output {
			case "":
				text = []byte(Line(program) + "\n")
			case "json":
				text, err = json.MarshalIndent(of, "", "  ")
				text = append(text, '\n')
			case "yaml":
				text, err = yaml.Marshal(of)
			default:
				return exit.Refuse(fmt.Errorf("--output %q: must be json or yaml, or omitted", output))
			}
			if err == nil {
				_, err = cmd.OutOrStdout().Write(text)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "print it as json or yaml, with the versions of Kubernetes and Go that it is built with")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
