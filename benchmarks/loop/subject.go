package loop

import (
	"reflect"
	"slices"

	"k8s.io/component-base/featuregate"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// Names of subjects that are Stowage's own.
const (
	stowage    = subjects.Stowage
	exhaustive = "exhaustive"
)

// candidateNodes is the plugin that narrows down the nodes to look at.
const candidateNodes = "CandidateNodes"

// Subject is a way to configure the scheduler.
type Subject struct {
	Name string
	// settings says in words how it is set.
	settings string
	// only is the workload that it is for, where it is not for all.
	only string
	// gates are the feature gates that are on while it is at work.
	gates []featuregate.Feature
	// configuration returns a configuration with a single profile.
	configuration func() (*schedulerconfig.KubeSchedulerConfiguration, error)
}

// Subjects are the ways that are compared.
func Subjects() []Subject {
	return []Subject{
		shared(stowage),
		{Name: exhaustive, settings: "the same without CandidateNodes, which has it look at all nodes one by one", configuration: func() (*schedulerconfig.KubeSchedulerConfiguration, error) {
			cfg, err := shared(stowage).configuration()
			if err == nil {
				disable(cfg.Profiles[0].Plugins, candidateNodes)
			}
			return cfg, err
		}},
		shared(subjects.MostAllocatedAll),
		shared(subjects.MostAllocated),
		shared(subjects.DefaultBatching),
		shared(subjects.Default),
		fastPath(),
	}
}

// fastPath returns the subject whose feature gate is about pods that must not share a host.
func fastPath() Subject {
	s := shared(subjects.DefaultFastPath)
	s.only = hostnameAntiAffinity
	return s
}

// shared returns the subject of that name, which other benchmarks have too.
func shared(name string) Subject {
	c := subjects.Configurations[name]
	return Subject{Name: name, settings: c.Settings, configuration: c.Read, gates: c.Gates}
}

// compared returns the subjects but for those of these names, and for those that are for
// other workloads only.
func (w Workload) compared(all []Subject, without ...string) []Subject {
	return slices.DeleteFunc(slices.Clone(all), func(s Subject) bool {
		return slices.Contains(without, s.Name) || s.only != "" && s.only != w.Name
	})
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	var all []figure.Subject
	for _, s := range Subjects() {
		ours := s.Name == stowage || s.Name == exhaustive
		all = append(all, figure.Subject{Name: s.Name, Version: subjects.Version(ours), Settings: s.settings})
	}
	return all
}

// disable takes a plugin out wherever it is enabled.
func disable(p *schedulerconfig.Plugins, name string) {
	points := reflect.ValueOf(p).Elem() // new releases have more of them
	for i := range points.NumField() {
		point := points.Field(i).Addr().Interface().(*schedulerconfig.PluginSet)
		point.Enabled = slices.DeleteFunc(point.Enabled, func(plugin schedulerconfig.Plugin) bool { return plugin.Name == name })
	}
}
