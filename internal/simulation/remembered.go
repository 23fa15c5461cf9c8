package simulation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	frameworkplugins "k8s.io/kubernetes/pkg/scheduler/framework/plugins"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/podkind"
)

// how says where the scores of a plugin come from.
type how int

const (
	// idle plugins have no part in plain pods.
	idle how = iota
	// byNode plugins only look at the pod's shape and the node.
	byNode
	// byImage plugins only look at the pod's and the node's images.
	byImage
	// bySpread plugins count the pods in the node's domains.
	bySpread
)

var (
	// filtersByNode are the filters that only look at the pod's shape and the node.
	filtersByNode = sets.New(names.NodeName, names.NodeUnschedulable, names.TaintToleration, names.NodeAffinity, names.NodeResourcesFit, names.NodeDeclaredFeatures)
	scoresBy      = map[string]how{
		names.NodeResourcesFit: byNode, names.NodeResourcesBalancedAllocation: byNode, names.TaintToleration: byNode, names.NodeAffinity: byNode,
		names.ImageLocality: byImage, names.PodTopologySpread: bySpread,
		// These two give plain pods 0, and say so for each node.
		names.VolumeBinding: byNode, names.DynamicResources: byNode,
	}
	// standIns are the plugins that others of the same name may replace, which decide the same.
	standIns = sets.New(names.PodTopologySpread, names.InterPodAffinity)
)

// remembered describes a profile whose plugins' answers can be remembered.
type remembered struct {
	filterNames []string
	scorers     []scorer
	// others are the score plugins that are not asked about single nodes, and allScorers all.
	others, allScorers sets.Set[string]
	spread             SpreadDefaults
}

// scorer is a score plugin. Normalize says whether its scores are scaled to the highest, and
// reverse whether the highest is then the worst.
type scorer struct {
	name               string
	weight             int64
	how                how
	normalize, reverse bool
}

// newRemembered returns nil for a profile with plugins that this package knows nothing of.
func newRemembered(framework schedulerframework.Framework, registry frameworkruntime.Registry, spread map[corev1.UnsatisfiableConstraintAction]SpreadDefaults) *remembered {
	engines, plugins := frameworkplugins.NewInTreeRegistry(), framework.ListPlugins()
	known := func(name string) bool {
		return engines[name] != nil && (registry[name] == nil || standIns.Has(name))
	}
	p := &remembered{others: sets.New[string](), allScorers: sets.New[string](), spread: spread[corev1.ScheduleAnyway]}
	for _, plugin := range slices.Concat(plugins.PreFilter.Enabled, plugins.Filter.Enabled, plugins.PreScore.Enabled, plugins.Score.Enabled) {
		if !known(plugin.Name) {
			return nil
		}
	}
	for _, plugin := range plugins.Filter.Enabled {
		p.filterNames = append(p.filterNames, plugin.Name)
	}
	for _, plugin := range plugins.Score.Enabled {
		s := scorer{name: plugin.Name, weight: int64(plugin.Weight), how: scoresBy[plugin.Name], reverse: plugin.Name == names.TaintToleration}
		s.normalize = s.reverse || plugin.Name == names.NodeAffinity
		if s.how != byNode {
			p.others.Insert(plugin.Name)
		}
		p.allScorers.Insert(plugin.Name)
		p.scorers = append(p.scorers, s)
	}
	honors := func(c corev1.TopologySpreadConstraint) bool {
		return c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
	}
	if len(spread[corev1.DoNotSchedule].Constraints) > 0 || slices.ContainsFunc(p.spread.Constraints, honors) {
		return nil
	}
	return p
}

// knowsFilters reports whether all filters that have a part in a pod, since they are not skipped, only
// look at single nodes. InterPodAffinity has none in pods of which others demand nothing.
func (p *remembered) knowsFilters(skipped sets.Set[string]) bool {
	return !slices.ContainsFunc(p.filterNames, func(name string) bool {
		return !filtersByNode.Has(name) && !skipped.Has(name) && name != names.InterPodAffinity
	})
}

// knowsScores reports the same of scores.
func (p *remembered) knowsScores(skipped sets.Set[string]) bool {
	return !slices.ContainsFunc(p.scorers, func(s scorer) bool {
		return s.how == idle && !skipped.Has(s.name) && s.name != names.InterPodAffinity
	})
}

// plain reports whether the pod is one that no plugin places by other pods, claims or volumes,
// except by the profile's default constraints and by what other pods demand.
func (s *Simulation) plain(pod *corev1.Pod) bool {
	return podkind.Plain(pod) && len(pod.Spec.TopologySpreadConstraints) == 0 && !demanding(pod) && !s.devices.wanted(pod)
}
