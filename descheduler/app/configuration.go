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
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// configurationFlags are the flags for policy and scheduler configurations.
type configurationFlags struct {
	policy     string
	schedulers []string
}

func (f *configurationFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	fs.StringVar(&f.policy, "policy-config-file", "", "the DeschedulerPolicy file (apiVersion: descheduler/v1alpha2, required)")
	cli.Group(fs, cli.Cluster, func() {
		fs.StringArrayVar(&f.schedulers, "scheduler-config", nil, "the KubeSchedulerConfiguration file of one of the cluster's schedulers; may be repeated. "+
			"By default, default-scheduler with the defaults of Kubernetes and the shipped profiles of stowage-scheduler are simulated")
	})
	for _, name := range []string{"policy-config-file", "scheduler-config"} {
		_ = cmd.MarkFlagFilename(name, "yaml", "yml", "json")
	}
}

// loadPolicy reads the policy and prints its warnings.
func (f *configurationFlags) loadPolicy(built *options) (*policy.Policy, error) {
	if f.policy == "" {
		return nil, exit.Refuse(errors.New("--policy-config-file is required (a DeschedulerPolicy file)"))
	}
	var own []policy.Plugin
	for _, plugin := range built.strategies {
		if !slices.ContainsFunc(policy.KnownPlugins(), func(known policy.Plugin) bool { return known.Name == plugin.Name }) {
			own = append(own, plugin.Plugin)
		}
	}
	p, err := policy.LoadFile(f.policy, own...)
	if err != nil {
		return nil, exit.Refuse(err)
	}
	for _, warning := range p.Warnings {
		fmt.Fprintf(os.Stderr, "Warning: %s: %s\n", f.policy, warning)
	}
	return p, nil
}

// loadProfiles returns the profiles of all schedulers that are simulated. It has set up each
// of them once.
func (f *configurationFlags) loadProfiles(built *options) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: built.configurations, Files: f.schedulers, Registry: built.registry})
	if err != nil {
		return nil, exit.Refuse(fmt.Errorf("--scheduler-config: %w", err))
	}
	return profiles, nil
}
