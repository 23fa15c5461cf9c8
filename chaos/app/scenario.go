package app

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/scenario"
)

func newScenarioCommand(built *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenario",
		Short: "Run what a file says: steps, a steady state, objectives",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newScenarioRunCommand(built), newScenarioValidateCommand(built), newScenarioSchemaCommand(built))
	return cmd
}

func newScenarioRunCommand(built *options) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a scenario",
		Long: `Runs a scenario: the steady state is looked at before the first step, all the time, and
after the last. When it is broken, the run is aborted within a second and everything is put
back. A run that found nothing to take away is inconclusive, never a pass.`,
		Example: `  # what would it do
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
		Short:   "Check scenarios, without a cluster",
		Example: "  stowage-chaos scenario validate *.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			flags := &runFlags{clusterFlags: clusterFlags{built: built}}
			for _, path := range args {
				s, err := flags.load(path)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: scenario %s is valid: %d steps, %d probes\n", path, s.Name, len(s.Steps), len(s.SteadyState.Checks))
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
		Short: "Show the JSON schema of scenarios, for editors",
		Example: `  stowage-chaos scenario schema > scenario.schema.json
  # then, at the head of a scenario:
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
	output.file.Add(cmd.Flags())
	return cmd
}
