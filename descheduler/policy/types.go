package policy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What a policy file says that it is.
const (
	APIVersion = "descheduler/v1alpha2"
	Kind       = "DeschedulerPolicy"
)

// Policy says what is to be descheduled, and within which limits. One that Load
// returned is valid and complete: deprecated fields are empty, for what they said is
// where it belongs today.
type Policy struct {
	metav1.TypeMeta `json:",inline"`

	// Profiles are run one after the other.
	Profiles []Profile `json:"profiles"`
	// NodeSelector selects by label the nodes to look at. Nil means all.
	NodeSelector *string `json:"nodeSelector,omitempty"`
	// MaxNoOfPodsToEvictPerNode is the most evictions per node. Nil means no limit,
	// 0 means none.
	MaxNoOfPodsToEvictPerNode *uint `json:"maxNoOfPodsToEvictPerNode,omitempty"`
	// MaxNoOfPodsToEvictPerNamespace is the most evictions per namespace.
	MaxNoOfPodsToEvictPerNamespace *uint `json:"maxNoOfPodsToEvictPerNamespace,omitempty"`
	// MaxNoOfPodsToEvictTotal is the most evictions of a run.
	MaxNoOfPodsToEvictTotal *uint `json:"maxNoOfPodsToEvictTotal,omitempty"`
	// EvictionFailureEventNotification asks for an event where an eviction fails.
	EvictionFailureEventNotification bool `json:"evictionFailureEventNotification"`
	// MetricsCollector is deprecated for a provider with source KubernetesMetrics.
	MetricsCollector *MetricsCollector `json:"metricsCollector,omitempty"`
	// MetricsProviders are where plugins may get the actual usage of nodes.
	MetricsProviders []MetricsProvider `json:"metricsProviders,omitempty"`
	// GracePeriodSeconds is the time that evicted pods get to end. Nil leaves it to
	// the pod, 0 means at once.
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty"`

	// Warnings are about what is legal and may not be what was meant.
	Warnings []string `json:"-"`
}

// Profile is a set of plugins and their arguments.
type Profile struct {
	// Name is unique among the profiles.
	Name string `json:"name"`
	// PluginConfigs are the arguments, at most one entry per plugin.
	PluginConfigs []PluginConfig `json:"pluginConfig" strict:"null"`
	// Plugins are the plugins to run.
	Plugins Plugins `json:"plugins"`
}

// Args returns the arguments of a plugin, or nil if the profile has none for it.
func (p *Profile) Args(plugin string) Args {
	for _, config := range p.PluginConfigs {
		if config.Name == plugin {
			return config.Args
		}
	}
	return nil
}

// Evictor returns the arguments of the DefaultEvictor plugin, which each profile of a
// loaded policy has.
func (p *Profile) Evictor() *DefaultEvictorArgs {
	args, _ := p.Args(DefaultEvictor).(*DefaultEvictorArgs)
	return args
}

// PluginConfig holds the arguments of one plugin.
type PluginConfig struct {
	Name string `json:"name"`
	Args Args   `json:"args"`
}

// Args are the arguments of a plugin: a pointer to a struct with JSON tags.
type Args interface {
	// Validate returns what is wrong with the arguments; path is where they stand.
	Validate(path *field.Path) field.ErrorList
}

// Plugins are the plugins to run per extension point, in order.
type Plugins struct {
	PreSort           PluginSet `json:"presort,omitzero"`
	Sort              PluginSet `json:"sort,omitzero"`
	Deschedule        PluginSet `json:"deschedule,omitzero"`
	Balance           PluginSet `json:"balance,omitzero"`
	Filter            PluginSet `json:"filter,omitzero"`
	PreEvictionFilter PluginSet `json:"preevictionfilter,omitzero"`
}

// PluginSet names plugins.
type PluginSet struct {
	// Enabled are run in this order.
	Enabled []string `json:"enabled,omitempty" strict:"null"`
	// Disabled has no effect, for nothing is enabled that is not named.
	Disabled []string `json:"disabled,omitempty" strict:"null"`
}

// MetricsSource is where the usage of nodes comes from.
type MetricsSource string

// The known sources.
const (
	// KubernetesMetrics is the metrics server.
	KubernetesMetrics MetricsSource = "KubernetesMetrics"
	// PrometheusMetrics is a Prometheus server.
	PrometheusMetrics MetricsSource = "Prometheus"
)

// MetricsCollector is the old way to ask for the metrics server.
type MetricsCollector struct {
	Enabled bool `json:"enabled,omitempty"`
}

// MetricsProvider is one source of metrics.
type MetricsProvider struct {
	Source MetricsSource `json:"source"`
	// Prometheus says where the server is, if it is the source.
	Prometheus *Prometheus `json:"prometheus,omitempty"`
}

// Prometheus is a Prometheus server.
type Prometheus struct {
	URL string `json:"url"`
	// AuthToken is the token to use. Nil means that of the service account.
	AuthToken *AuthToken `json:"authToken,omitempty"`
}

// AuthToken is a token that is kept in a Secret.
type AuthToken struct {
	SecretReference *SecretReference `json:"secretReference,omitempty"`
}

// SecretReference names a Secret.
type SecretReference struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}
