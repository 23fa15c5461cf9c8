package policy

import (
	"slices"

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

	// Profiles are sets of plugins with their arguments, which run one after the other. Required.
	Profiles []Profile `json:"profiles"`
	// NodeSelector is a label selector of the nodes to process. Default: all nodes.
	NodeSelector *string `json:"nodeSelector,omitempty"`
	// MaxNoOfPodsToEvictPerNode is the maximum number of evictions per node. 0 means no
	// evictions. Default: no limit.
	MaxNoOfPodsToEvictPerNode *uint `json:"maxNoOfPodsToEvictPerNode,omitempty"`
	// MaxNoOfPodsToEvictPerNamespace is the maximum number of evictions per namespace.
	// Default: no limit.
	MaxNoOfPodsToEvictPerNamespace *uint `json:"maxNoOfPodsToEvictPerNamespace,omitempty"`
	// MaxNoOfPodsToEvictTotal is the maximum number of evictions per run. Default: no limit.
	MaxNoOfPodsToEvictTotal *uint `json:"maxNoOfPodsToEvictTotal,omitempty"`
	// EvictionFailureEventNotification records an event when an eviction fails.
	EvictionFailureEventNotification bool `json:"evictionFailureEventNotification"`
	// MetricsCollector is deprecated: use metricsProviders with source KubernetesMetrics.
	MetricsCollector *MetricsCollector `json:"metricsCollector,omitempty"`
	// MetricsProviders are the sources of the actual usage of nodes, each at most once.
	// Default: none.
	MetricsProviders []MetricsProvider `json:"metricsProviders,omitempty"`
	// GracePeriodSeconds is the time that evicted pods have to terminate. 0 means
	// immediately. Default: the pod's own.
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty"`

	// StandIns limits the stand-ins of profiles with moves: MakeBeforeBreak or Prefer. It is an
	// error without such a profile. The upstream descheduler does not have this field.
	StandIns *StandIns `json:"standIns,omitempty"`

	// Warnings are about what is legal and may not be what was meant.
	Warnings []string `json:"-"`
}

// Profile is a set of plugins and their arguments.
type Profile struct {
	// Name is the name of the profile, unique among the profiles. Required.
	Name string `json:"name"`
	// Moves is how pods are moved: Evict evicts them. With MakeBeforeBreak, a stand-in on the new
	// node is ready before a pod is deleted, and pods for which that is not possible stay. Prefer
	// evicts those. The upstream descheduler does not have this field. Default: Evict.
	Moves Moves `json:"moves"`
	// PluginConfigs are the arguments of plugins, at most one entry per plugin.
	PluginConfigs []PluginConfig `json:"pluginConfig" strict:"null"`
	// Plugins are the plugins to run, per extension point.
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

// Moves is how pods are moved.
type Moves string

// The known ways.
const (
	// Evict evicts pods. Their replacements are created afterwards.
	Evict Moves = "Evict"
	// MakeBeforeBreak has a stand-in be ready before a pod goes.
	MakeBeforeBreak Moves = "MakeBeforeBreak"
	// Prefer is MakeBeforeBreak where that is possible, and Evict elsewhere.
	Prefer Moves = "Prefer"
)

// usesStandIns says whether a profile may create stand-ins.
func (p *Policy) usesStandIns() bool {
	return slices.ContainsFunc(p.Profiles, func(q Profile) bool { return q.Moves == MakeBeforeBreak || q.Moves == Prefer })
}

// StandIns limits stand-ins.
type StandIns struct {
	// Max is the maximum number of stand-ins at once. Default: 10.
	Max *int32 `json:"max,omitempty"`
	// NamespaceLabelSelector selects the namespaces in which stand-ins may be created. Default: all
	// namespaces.
	NamespaceLabelSelector *metav1.LabelSelector `json:"namespaceLabelSelector,omitempty"`
}

// PluginConfig holds the arguments of one plugin.
type PluginConfig struct {
	// Name is the name of the plugin. Required.
	Name string `json:"name"`
	// Args are the arguments, see below.
	Args Args `json:"args"`
}

// Args are the arguments of a plugin: a pointer to a struct with JSON tags.
type Args interface {
	// Validate returns what is wrong with the arguments; path is where they stand.
	Validate(path *field.Path) field.ErrorList
}

// Plugins are the plugins to run per extension point, in order.
type Plugins struct {
	// PreSort is an extension point without plugins.
	PreSort PluginSet `json:"presort,omitzero"`
	// Sort is an extension point without plugins.
	Sort PluginSet `json:"sort,omitzero"`
	// Deschedule has the plugins that remove pods one by one, because of what they are.
	Deschedule PluginSet `json:"deschedule,omitzero"`
	// Balance has the plugins that compare nodes.
	Balance PluginSet `json:"balance,omitzero"`
	// Filter has the plugins that protect pods. DefaultEvictor is always enabled.
	Filter PluginSet `json:"filter,omitzero"`
	// PreEvictionFilter has the plugins that protect pods. DefaultEvictor is always enabled.
	PreEvictionFilter PluginSet `json:"preevictionfilter,omitzero"`
}

// PluginSet names plugins.
type PluginSet struct {
	// Enabled are the names of the plugins to run, in this order. Default: none.
	Enabled []string `json:"enabled,omitempty" strict:"null"`
	// Disabled has no effect, because only enabled plugins run.
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
	// Enabled equals a provider with source KubernetesMetrics.
	Enabled bool `json:"enabled,omitempty"`
}

// MetricsProvider is one source of metrics.
type MetricsProvider struct {
	// Source is where the usage comes from. Required.
	Source MetricsSource `json:"source"`
	// Prometheus is the server, for source Prometheus.
	Prometheus *Prometheus `json:"prometheus,omitempty"`
}

// Prometheus is a Prometheus server.
type Prometheus struct {
	// URL is the address of the server, http or https. Required.
	URL string `json:"url"`
	// AuthToken is the token to use. Default: that of the service account.
	AuthToken *AuthToken `json:"authToken,omitempty"`
}

// AuthToken is a token that is kept in a Secret.
type AuthToken struct {
	// SecretReference names the Secret that has the token. Required.
	SecretReference *SecretReference `json:"secretReference,omitempty"`
}

// SecretReference names a Secret.
type SecretReference struct {
	// Namespace is the namespace of the Secret. Required.
	Namespace string `json:"namespace"`
	// Name is the name of the Secret. Required.
	Name string `json:"name"`
}
