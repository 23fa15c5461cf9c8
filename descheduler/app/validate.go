package app

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/internal/exit"
)

func newValidateCommand(built *options) *cobra.Command {
	files, output := configurationFlags{}, ""
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check a policy and scheduler configurations, without a cluster",
		Long: `Checks a policy and scheduler configurations as strictly as a run does. Each mistake is
printed on its own line, and the exit code is 4. With -o yaml, prints the policy with all
defaults.`,
		Example: `  stowage-descheduler validate --policy-config-file policy.yaml
  stowage-descheduler validate --policy-config-file policy.yaml --scheduler-config scheduler.yaml -o yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return validate(cmd, built, &files, output) },
	}
	files.add(cmd, cmd.Flags())
	cmd.Flags().StringVarP(&output, "output", "o", "", "yaml prints the policy with all defaults")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func validate(cmd *cobra.Command, built *options, files *configurationFlags, output string) error {
	if !slices.Contains([]string{"", "yaml"}, output) {
		return exit.Refuse(fmt.Errorf("--output=%s: must be yaml, or omitted", output))
	}
	p, err := files.loadPolicy(built)
	_, profilesErr := files.loadProfiles(built)
	if err := errors.Join(err, profilesErr); err != nil {
		return exit.Refuse(err)
	}
	if output == "" {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is valid\n", files.policy)
		return err
	}
	data, err := p.YAML()
	if err != nil {
		return err
	}
	_, err = cmd.OutOrStdout().Write(data)
	return err
}
