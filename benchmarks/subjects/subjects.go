// Package subjects has the configurations of schedulers that more than one benchmark
// compares.
package subjects

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-base/featuregate"
	configv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/kubernetes/pkg/features"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/rivals"
	_ "github.com/stowage-k8s/stowage/plugins/apis/config/scheme" // decodes the plugins' arguments
	"github.com/stowage-k8s/stowage/plugins/sharednodes"
)

// Names of subjects.
const (
	Stowage          = "stowage"
	MostAllocatedAll = rivals.MostAllocatedAll
	MostAllocated    = rivals.MostAllocated
	DefaultBatching  = "default-batching"
	Default          = rivals.Default
	DefaultFastPath  = "default-fast-path"
	// WithoutSharedNodes shows what a plugin of Stowage's does.
	WithoutSharedNodes = "without-shared-nodes"
)

// Configuration is how a subject is set.
type Configuration struct {
	// Settings says it in words.
	Settings string
	// Read returns it with a single profile, and with every default filled in.
	Read func() (*schedulerconfig.KubeSchedulerConfiguration, error)
	// Gates are the feature gates that are on for it, and off unless somebody asks.
	Gates []featuregate.Feature
}

// Configurations are those of the subjects, by their names.
var Configurations = map[string]Configuration{
	Stowage:            {Settings: "the profile stowage of the shipped configuration", Read: shipped},
	WithoutSharedNodes: {Settings: "the same profile without SharedNodes", Read: withoutSharedNodes},
	MostAllocatedAll: {
		Settings: "the default profile with MostAllocated of all nodes, without NodeResourcesBalancedAllocation, and with what default-batching has: kube-scheduler set to pack as well as it can",
		Read:     reader(rivals.MostAllocatedAllConfiguration),
	},
	MostAllocated: {
		Settings: "the same with MostAllocated of its sample of nodes",
		Read:     reader(rivals.MostAllocatedConfiguration),
	},
	DefaultBatching: {
		Settings: "the default profile, with what lets it place more pods in batches: no default spread constraints (defaultingType List), " +
			"and no heed of what pods on nodes prefer unless the new pod has preferences, too (ignorePreferredTermsOfExistingPods)",
		Read: reader(defaultBatching),
	},
	Default: {Settings: "kube-scheduler's default profile, with its sample of nodes", Read: reader(rivals.DefaultConfiguration)},
	DefaultFastPath: {
		Settings: "as default-batching, with the alpha feature gate " + string(features.InterPodAffinityHostnameFastPath) + ", where pods must not share a host",
		Read:     reader(defaultBatching), Gates: []featuregate.Feature{features.InterPodAffinityHostnameFastPath},
	},
}

// defaultBatching is the default profile with what batching needs.
const defaultBatching = rivals.DefaultConfiguration + "profiles:\n- schedulerName: default-batching\n" + rivals.Batching

// Version returns which version a subject is: Stowage's, or else Kubernetes'.
func Version(ours bool) string {
	here := figure.Here()
	if ours {
		return "Stowage " + here.Stowage
	}
	return "Kubernetes " + here.Kubernetes
}

// shipped returns Stowage's own configuration, with the profile that packs alone.
func shipped() (*schedulerconfig.KubeSchedulerConfiguration, error) {
	cfg, err := Decode(config.Scheduler)
	if err != nil {
		return nil, err
	}
	cfg.Profiles = slices.DeleteFunc(cfg.Profiles, func(p schedulerconfig.KubeSchedulerProfile) bool { return p.SchedulerName != Stowage })
	if len(cfg.Profiles) != 1 {
		return nil, fmt.Errorf("the shipped configuration has no profile %q", Stowage)
	}
	return cfg, nil
}

// withoutSharedNodes returns the same without that plugin.
func withoutSharedNodes() (*schedulerconfig.KubeSchedulerConfiguration, error) {
	cfg, err := shipped()
	if err != nil {
		return nil, err
	}
	enabled := &cfg.Profiles[0].Plugins.MultiPoint.Enabled
	*enabled = slices.DeleteFunc(*enabled, func(p schedulerconfig.Plugin) bool { return p.Name == sharednodes.Name })
	return cfg, nil
}

func reader(configuration string) func() (*schedulerconfig.KubeSchedulerConfiguration, error) {
	return func() (*schedulerconfig.KubeSchedulerConfiguration, error) { return Decode([]byte(configuration)) }
}

// Decode reads a configuration and fills in every default.
func Decode(configuration []byte) (*schedulerconfig.KubeSchedulerConfiguration, error) {
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

// Encode writes a configuration as YAML.
func Encode(cfg *schedulerconfig.KubeSchedulerConfiguration) ([]byte, error) {
	yaml, ok := runtime.SerializerInfoForMediaType(schedulerscheme.Codecs.SupportedMediaTypes(), runtime.ContentTypeYAML)
	if !ok {
		return nil, fmt.Errorf("the scheduler's configuration cannot be written as %s", runtime.ContentTypeYAML)
	}
	return runtime.Encode(schedulerscheme.Codecs.EncoderForVersion(yaml.Serializer, configv1.SchemeGroupVersion), cfg)
}
