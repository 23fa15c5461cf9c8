package loop

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/config"
)

// Names of subjects that reports compare with each other.
const (
	stowage    = "stowage"
	exhaustive = "exhaustive"
	upstream   = "default"
)

// candidateNodes is the plugin that narrows down the nodes to look at.
const candidateNodes = "CandidateNodes"

// Subject is a way to configure the scheduler.
type Subject struct {
	Name string
	// settings says in words how it is set.
	settings string
	// configuration returns a configuration with a single profile.
	configuration func() (*schedulerconfig.KubeSchedulerConfiguration, error)
}

// Subjects are the ways that are compared.
func Subjects() []Subject {
	return []Subject{
		{stowage, "the profile stowage of the shipped configuration", shipped},
		{exhaustive, "the same without CandidateNodes, which has it look at all nodes one by one", func() (*schedulerconfig.KubeSchedulerConfiguration, error) {
			cfg, err := shipped()
			if err == nil {
				disable(cfg.Profiles[0].Plugins, candidateNodes)
			}
			return cfg, err
		}},
		{upstream, "kube-scheduler's default profile, with its sample of nodes", func() (*schedulerconfig.KubeSchedulerConfiguration, error) { return decode([]byte(upstreamDefault)) }},
		{"most-allocated", "the default profile with MostAllocated and without NodeResourcesBalancedAllocation", func() (*schedulerconfig.KubeSchedulerConfiguration, error) { return decode([]byte(mostAllocated)) }},
	}
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	var all []figure.Subject
	here := figure.Here()
	for _, s := range Subjects() {
		of := "Kubernetes " + here.Kubernetes
		if s.Name == stowage || s.Name == exhaustive {
			of = "Stowage " + here.Stowage
		}
		all = append(all, figure.Subject{Name: s.Name, Version: of, Settings: s.settings})
	}
	return all
}

const (
	upstreamDefault = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`
	mostAllocated = upstreamDefault + `profiles:
- schedulerName: most-allocated
  plugins:
    score:
      disabled: [{name: NodeResourcesBalancedAllocation}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: MostAllocated
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}]
`
)

// shipped returns Stowage's own configuration, with the profile that packs alone.
func shipped() (*schedulerconfig.KubeSchedulerConfiguration, error) {
	cfg, err := decode(config.Scheduler)
	if err != nil {
		return nil, err
	}
	cfg.Profiles = slices.DeleteFunc(cfg.Profiles, func(p schedulerconfig.KubeSchedulerProfile) bool { return p.SchedulerName != stowage })
	if len(cfg.Profiles) != 1 {
		return nil, fmt.Errorf("the shipped configuration has no profile %q", stowage)
	}
	return cfg, nil
}

// decode reads a configuration and fills in every default.
func decode(configuration []byte) (*schedulerconfig.KubeSchedulerConfiguration, error) {
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), configuration)
	if err != nil {
		return nil, fmt.Errorf("reading the scheduler's configuration: %w", err)
	}
	cfg, ok := obj.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("reading the scheduler's configuration: it is a %T, not a KubeSchedulerConfiguration", obj)
	}
	return cfg, nil
}

// disable takes a plugin out wherever it is enabled.
func disable(p *schedulerconfig.Plugins, name string) {
	for _, point := range []*schedulerconfig.PluginSet{
		&p.MultiPoint, &p.PreEnqueue, &p.QueueSort, &p.PreFilter, &p.Filter, &p.PostFilter, &p.PreScore, &p.Score,
		&p.Reserve, &p.Permit, &p.PreBind, &p.Bind, &p.PostBind, &p.PlacementGenerate, &p.PlacementScore,
	} {
		point.Enabled = slices.DeleteFunc(point.Enabled, func(plugin schedulerconfig.Plugin) bool { return plugin.Name == name })
	}
}
