package policy

import (
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// ExtensionPoint is where a plugin is run, as policy files spell it.
type ExtensionPoint string

// The extension points. No plugin uses the first two.
const (
	PreSortPoint           ExtensionPoint = "presort"
	SortPoint              ExtensionPoint = "sort"
	DeschedulePoint        ExtensionPoint = "deschedule"
	BalancePoint           ExtensionPoint = "balance"
	FilterPoint            ExtensionPoint = "filter"
	PreEvictionFilterPoint ExtensionPoint = "preevictionfilter"
)

// set is what a file says about one extension point.
type set struct {
	point ExtensionPoint
	*PluginSet
}

// sets returns what is said about each extension point, in the order of files.
func (p *Plugins) sets() []set {
	return []set{
		{PreSortPoint, &p.PreSort}, {SortPoint, &p.Sort},
		{DeschedulePoint, &p.Deschedule}, {BalancePoint, &p.Balance},
		{FilterPoint, &p.Filter}, {PreEvictionFilterPoint, &p.PreEvictionFilter},
	}
}

// enabled says whether a plugin is enabled anywhere.
func (p *Plugins) enabled(name string) bool {
	return slices.ContainsFunc(p.sets(), func(s set) bool { return slices.Contains(s.Enabled, name) })
}

// The plugins.
const (
	DefaultEvictor                              = "DefaultEvictor"
	LowNodeUtilization                          = "LowNodeUtilization"
	HighNodeUtilization                         = "HighNodeUtilization"
	RemoveDuplicates                            = "RemoveDuplicates"
	RemovePodsViolatingTopologySpreadConstraint = "RemovePodsViolatingTopologySpreadConstraint"
	RemovePodsViolatingInterPodAntiAffinity     = "RemovePodsViolatingInterPodAntiAffinity"
	RemovePodsViolatingNodeAffinity             = "RemovePodsViolatingNodeAffinity"
	RemovePodsViolatingNodeTaints               = "RemovePodsViolatingNodeTaints"
	RemovePodsHavingTooManyRestarts             = "RemovePodsHavingTooManyRestarts"
	RemoveFailedPods                            = "RemoveFailedPods"
	PodLifeTime                                 = "PodLifeTime"

	// Consolidate and RestorePreemptible are Stowage's own.
	Consolidate        = "Consolidate"
	RestorePreemptible = "RestorePreemptible"
)

// Plugin is what a policy needs to know about a plugin.
type Plugin struct {
	Name string
	// Points are the extension points that it uses.
	Points []ExtensionPoint
	// NewArgs returns the default arguments. Those of a file are decoded into them.
	NewArgs func() Args
}

// KnownPlugins returns the plugins that every policy knows, sorted by name.
func KnownPlugins() []Plugin {
	balance, deschedule := []ExtensionPoint{BalancePoint}, []ExtensionPoint{DeschedulePoint}
	return []Plugin{
		{Consolidate, balance, empty[ConsolidateArgs]},
		{DefaultEvictor, []ExtensionPoint{FilterPoint, PreEvictionFilterPoint}, newDefaultEvictorArgs},
		{HighNodeUtilization, balance, empty[HighNodeUtilizationArgs]},
		{LowNodeUtilization, balance, empty[LowNodeUtilizationArgs]},
		{PodLifeTime, deschedule, empty[PodLifeTimeArgs]},
		{RemoveDuplicates, balance, empty[RemoveDuplicatesArgs]},
		{RemoveFailedPods, deschedule, newRemoveFailedPodsArgs},
		{RemovePodsHavingTooManyRestarts, deschedule, empty[RemovePodsHavingTooManyRestartsArgs]},
		{RemovePodsViolatingInterPodAntiAffinity, deschedule, empty[RemovePodsViolatingInterPodAntiAffinityArgs]},
		{RemovePodsViolatingNodeAffinity, deschedule, empty[RemovePodsViolatingNodeAffinityArgs]},
		{RemovePodsViolatingNodeTaints, deschedule, empty[RemovePodsViolatingNodeTaintsArgs]},
		{RemovePodsViolatingTopologySpreadConstraint, balance, newTopologySpreadArgs},
		{RestorePreemptible, balance, empty[RestorePreemptibleArgs]},
	}
}

// registry is the plugins that one Load knows.
type registry []Plugin

func (r registry) find(name string) (Plugin, bool) {
	i := slices.IndexFunc(r, func(p Plugin) bool { return p.Name == name })
	if i < 0 {
		return Plugin{}, false
	}
	return r[i], true
}

// unknown returns the error message for the name of an unknown plugin.
func (r registry) unknown(name string) string {
	var names []string
	for _, plugin := range r {
		names = append(names, plugin.Name)
	}
	slices.Sort(names)
	return "unknown plugin" + spelling.DidYouMean(name, names) + "; must be one of " + strings.Join(names, ", ")
}
