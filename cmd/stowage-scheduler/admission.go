package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/startup"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

// admissionCommand prints the admission policies for a configuration.
func admissionCommand() *cobra.Command {
	path, asWebhook := "", false
	cmd := &cobra.Command{
		Use:   "admission",
		Short: "Print the admission policies that make limits on preemptible nodes visible to autoscalers",
		Long: `Prints MutatingAdmissionPolicies that write limits on preemptible nodes into new pods,
where autoscalers see them. With --webhook, it prints the MutatingWebhookConfiguration
for the command webhook, which replaces the policies before Kubernetes 1.36.

The policies for the built-in configuration are in config/scheduler/autoscaler. Generate
your own if your configuration has other node labels, other scheduler names or
enforcement: Hard.`,
		Example: `  # Generate the policies for your own configuration, and apply them
  stowage-scheduler admission --config my-profiles.yaml | kubectl apply -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			source, data, err := readConfig(path)
			if err != nil {
				return err
			}
			if err := writeAdmission(cmd.OutOrStdout(), data, asWebhook); err != nil {
				return fmt.Errorf("%s: %w", source, err)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asWebhook, "webhook", false, "print the MutatingWebhookConfiguration instead of the policies")
	cmd.Flags().StringVar(&path, "config", "", "KubeSchedulerConfiguration of the scheduler (default: the built-in configuration)")
	return cmd
}

// writeAdmission writes the policies for the profiles of a configuration as YAML, or the
// equivalent webhook configuration.
func writeAdmission(w io.Writer, configuration []byte, asWebhook bool) error {
	cfg, err := startup.Configuration(configuration)
	if err != nil {
		return err
	}
	options := map[string]preemptible.Options{}
	for i := range cfg.Profiles {
		if o, enabled := preemptiblenodes.OptionsOfProfile(&cfg.Profiles[i]); enabled {
			options[cfg.Profiles[i].SchedulerName] = o
		}
	}
	if len(options) == 0 {
		return fmt.Errorf("no profile enables the plugin %s: there are no limits, so no policies are needed", preemptiblenodes.Name)
	}
	policies, bindings := preemptible.Admission(options)
	if asWebhook {
		return writeObjects(w, "admission --webhook", preemptible.Webhook(policies))
	}
	var objects []any
	for i := range policies {
		objects = append(objects, policies[i], bindings[i])
	}
	return writeObjects(w, "admission", objects...)
}

func writeObjects(w io.Writer, by string, objects ...any) error {
	if _, err := fmt.Fprintf(w, "# Written by `stowage-scheduler %s`, for the profiles of its configuration.\n", by); err != nil {
		return err
	}
	for i, object := range objects {
		data, err := yaml.Marshal(object)
		if err != nil {
			return err
		}
		if i > 0 {
			data = append([]byte("---\n"), data...)
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return nil
}
