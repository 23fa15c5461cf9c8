package app

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/cli"
	common "github.com/stowage-k8s/stowage/internal/report"
)

func newScenarioCommand(built *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Run or check scenario files: steps, a steady state, objectives",
	}
	cmd.AddCommand(newScenarioRunCommand(built), newScenarioValidateCommand(built), newScenarioSchemaCommand(built))
	return cmd
}

func newScenarioRunCommand(built *options) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario",
		Long: `Runs a scenario. The steady state is checked before the first step, during the run, and after
the last step. If it is broken, the run is aborted within a second and all changes are
restored. A run that finds nothing to remove is inconclusive, not successful.`,
		Example: `  # Show what it would do
  stowage-chaos scenario run zone-outage.yaml

  stowage-chaos scenario run zone-outage.yaml --context staging --no-dry-run -o html --output-file report.html`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.load(args[0])
			if err != nil {
				return err
			}
			if err := flags.validate(); err != nil {
				return err
			}
			return flags.scenario(cmd, s)
		},
		ValidArgsFunction: yamlFiles,
	}
	flags.add(cmd, cmd.Flags())
	return cmd
}

func yamlFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt
}

// load reads a scenario's file.
func (f *runFlags) load(path string) (*scenario.Scenario, error) {
	plugins, err := f.plugins()
	if err != nil {
		return nil, err
	}
	s, err := scenario.Load(path, plugins, f.built.probes)
	return s, refused(err)
}

func newScenarioValidateCommand(built *options) *cobra.Command {
	return &cobra.Command{
		Use:     "validate FILE...",
		Short:   "Check scenario files without a cluster",
		Example: "  stowage-chaos scenario validate *.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := &runFlags{clusterFlags: clusterFlags{built: built}}
			for _, path := range args {
				s, err := flags.load(path)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: scenario %s is valid: %s, %s\n", path, s.Name, common.Count(len(s.Steps), "step"), common.Count(len(s.SteadyState.Checks), "probe"))
			}
			return nil
		},
		ValidArgsFunction: yamlFiles,
	}
}

func newScenarioSchemaCommand(built *options) *cobra.Command {
	output := &outputFlags{}
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of scenario files, for editors",
		Example: `  stowage-chaos scenario schema > scenario.schema.json
  # then add this at the top of a scenario file:
  # yaml-language-server: $schema=scenario.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := &runFlags{clusterFlags: clusterFlags{built: built}}
			plugins, err := flags.plugins()
			if err != nil {
				return err
			}
			schema, err := scenario.Schema(plugins, built.probes)
			if err != nil {
				return err
			}
			return output.file.Write(cmd.OutOrStdout(), func(w io.Writer) error {
				_, err := w.Write(schema)
				return err
			})
		},
	}
	cli.Group(cmd.Flags(), cli.Output, func() { output.file.Add(cmd.Flags()) })
	return cmd
}
