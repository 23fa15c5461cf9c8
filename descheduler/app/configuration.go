package app

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// configurationFlags name the files that say what to do.
type configurationFlags struct {
	policy     string
	schedulers []string
}

func (f *configurationFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	fs.StringVar(&f.policy, "policy-config-file", "", "the policy, a file with apiVersion: descheduler/v1alpha2 (required)")
	fs.StringArrayVar(&f.schedulers, "scheduler-config", nil, "a KubeSchedulerConfiguration as one of the cluster's schedulers runs with; may be given several times. "+
		"Known without: default-scheduler as it is by default, and the profiles that are shipped for stowage-scheduler")
	for _, name := range []string{"policy-config-file", "scheduler-config"} {
		_ = cmd.MarkFlagFilename(name, "yaml", "yml", "json")
	}
}

// loadPolicy reads the policy, and shows its warnings.
func (f *configurationFlags) loadPolicy(built *options) (*policy.Policy, error) {
	if f.policy == "" {
		return nil, invalid(errors.New("--policy-config-file: name the policy to deschedule by"))
	}
	var own []policy.Plugin
	for _, plugin := range built.strategies {
		if !slices.ContainsFunc(policy.KnownPlugins(), func(known policy.Plugin) bool { return known.Name == plugin.Name }) {
			own = append(own, plugin.Plugin)
		}
	}
	p, err := policy.LoadFile(f.policy, own...)
	if err != nil {
		return nil, invalid(err)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(os.Stderr, "Warning: %s: %s\n", f.policy, warning)
	}
	return p, nil
}

// loadProfiles returns the profiles of all schedulers that are known, which can be set up.
func (f *configurationFlags) loadProfiles(built *options) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: built.configurations, Files: f.schedulers, Registry: built.registry})
	if err != nil {
		return nil, invalid(fmt.Errorf("--scheduler-config: %w", err))
	}
	return profiles, nil
}
