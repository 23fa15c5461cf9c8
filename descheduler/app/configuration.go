package app

import (
	"context"
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

// stock is the configuration of a cluster's own scheduler that was left as it is.
const stock = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`

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

// loadProfiles returns the profiles of all schedulers that are known, which can be set up. Those of files stand
// in for those of the same name that the program was built with.
func (f *configurationFlags) loadProfiles(built *options) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	var profiles []*schedulerconfig.KubeSchedulerProfile
	from := map[string]string{}
	add := func(source string, data []byte) error {
		more, err := simulation.Profiles(data)
		if err != nil {
			return invalid(fmt.Errorf("%s: %w", source, err))
		}
		for _, profile := range more {
			i := slices.IndexFunc(profiles, func(p *schedulerconfig.KubeSchedulerProfile) bool { return p.SchedulerName == profile.SchedulerName })
			switch other := from[profile.SchedulerName]; {
			case i < 0:
				profiles = append(profiles, profile)
			case other != "":
				return invalid(fmt.Errorf("--scheduler-config: both %s and %s have a profile %q", other, source, profile.SchedulerName))
			default:
				profiles[i] = profile
			}
			from[profile.SchedulerName] = source
		}
		return nil
	}
	for _, configuration := range append([][]byte{[]byte(stock)}, built.configurations...) {
		if err := add("", configuration); err != nil {
			return nil, err
		}
	}
	for _, file := range f.schedulers {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, invalid(fmt.Errorf("--scheduler-config: %w", err))
		}
		if err := add(file, data); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := simulation.New(ctx, simulation.Options{Profiles: profiles, Registry: built.registry}); err != nil {
		return nil, invalid(fmt.Errorf("--scheduler-config: %w", err))
	}
	return profiles, nil
}
