package loop

import (
	"reflect"
	"slices"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// Names of subjects that reports compare with each other.
const (
	stowage    = subjects.Stowage
	exhaustive = "exhaustive"
	upstream   = subjects.Default
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
		shared(stowage),
		{exhaustive, "the same without CandidateNodes, which has it look at all nodes one by one", func() (*schedulerconfig.KubeSchedulerConfiguration, error) {
			cfg, err := shared(stowage).configuration()
			if err == nil {
				disable(cfg.Profiles[0].Plugins, candidateNodes)
			}
			return cfg, err
		}},
		shared(upstream),
		shared(subjects.MostAllocated),
	}
}

// shared returns the subject of that name, which other benchmarks have too.
func shared(name string) Subject {
	c := subjects.Configurations[name]
	return Subject{name, c.Settings, c.Read}
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
