package e2e

import (
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/harness"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

const (
	stowage = subjects.Stowage
	// ceiling is the subject that nobody can be faster than.
	ceiling = "ceiling"
)

// schedulerFile has the subject's configuration, in the folder of a run.
const schedulerFile = "scheduler.yaml"

// Subject is a scheduler.
type Subject struct {
	Name string
	// only are the cases that it is for, where it is not for all.
	only          []string
	configuration subjects.Configuration
}

// Subjects are the schedulers that are compared.
func Subjects() []Subject {
	var all []Subject
	for _, name := range []string{stowage, subjects.MostAllocatedAll, subjects.DefaultBatching, subjects.Default} {
		all = append(all, Subject{Name: name, configuration: subjects.Configurations[name]})
	}
	return append(all,
		Subject{Name: subjects.DefaultFastPath, only: []string{podAntiAffinity}, configuration: subjects.Configurations[subjects.DefaultFastPath]},
		Subject{Name: subjects.WithoutSharedNodes, only: []string{twoSchedulers, twoPackers}, configuration: subjects.Configurations[subjects.WithoutSharedNodes]},
		Subject{Name: ceiling, configuration: subjects.Configuration{
			Settings: "binds round robin without looking at pods or nodes: no filter, no score, the same binder",
			Read: func() (*schedulerconfig.KubeSchedulerConfiguration, error) {
				return subjects.Decode([]byte(roundRobin))
			},
		}},
	)
}

// quickSubjects are those of a quick run: kube-scheduler's best settings only.
var quickSubjects = []string{stowage, subjects.MostAllocatedAll, subjects.DefaultBatching, ceiling}

const roundRobin = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    multiPoint:
      disabled: [{name: "*"}]
      enabled: [{name: PrioritySort}, {name: ` + harness.RoundRobinName + `}, {name: DefaultBinder}]
`

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	const setting = "scheduler, kube-apiserver (without audit, authorization and the ServiceAccount, Priority and TaintNodesByCondition admission) " +
		"and the source of pods share one process and all cores, etcd beside them does not sync to disk; 5,000 requests per second; opportunistic batching on, as it is by default"
	var all []figure.Subject
	for _, s := range Subjects() {
		all = append(all, figure.Subject{Name: s.Name, Version: subjects.Version(s.Name == stowage || s.Name == subjects.WithoutSharedNodes), Settings: s.configuration.Settings + "; " + setting})
	}
	return all
}

// Notes are to be read with the figures.
var Notes = []string{
	"The scheduler's processor time is that of the samples of a CPU profile with the scheduler or a plugin on the stack. What the whole process " +
		"does in goroutines of its own is not in it: garbage collection, HTTP connections, the decoding of what informers receive.",
	"An attempt's time includes its binding, which waits for the API server: where that has no processor to spare, a scheduler that is faster has more " +
		"bindings wait. Its percentiles are interpolated in the scheduler's own histogram, which begins at 1 ms.",
	"The ceiling neither preempts nor looks at what a pod asks for: in the case preemption it binds to full nodes, and does not wait for victims.",
	"In the cases " + twoSchedulers + " and " + twoPackers + " all is on a playground, in programs of their own: the subject, another scheduler beside it, an API server, controllers and nodes " +
		"share the cores. The other one is kube-scheduler's default profile, and " + subjects.MostAllocated + " (" + subjects.Configurations[subjects.MostAllocated].Settings + "). " +
		"Half of the pods are for each, 100 a second where the machine is fast enough; they fill nodes of which 90 % is taken up to 98 %.",
	"The subjects of a case are measured one after the other: their ratios are as steady as the machine is.",
}

// encode returns the subject's configuration, for pods that name that scheduler, as YAML.
func (s Subject) encode(schedulerName string) ([]byte, error) {
	cfg, err := s.configuration.Read()
	if err != nil {
		return nil, err
	}
	cfg.Profiles[0].SchedulerName = schedulerName
	return subjects.Encode(cfg)
}
