package candidatenodes

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/plugins/binpacking"
	"github.com/stowage-k8s/stowage/plugins/dedicatednodes"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
	"github.com/stowage-k8s/stowage/plugins/plannednodes"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
	"github.com/stowage-k8s/stowage/plugins/sharednodes"
)

var (
	// ours are the plugins that write a part for a scan.
	ours = sets.New(binpacking.Name, dedicatednodes.Name, preemptiblenodes.Name, plannednodes.Name, indexedinterpodaffinity.Name,
		indexedpodtopologyspread.Name, sharednodes.Name)
	// byState are the engine's filters that only depend on a node's state.
	byState = sets.New(names.NodeUnschedulable, names.NodeName, names.TaintToleration, names.NodeAffinity, names.NodeResourcesFit, names.NodeDeclaredFeatures)
	// byNeed are the engine's filters that are only asked about pods that need something of them. They
	// score no pod that is modelled.
	byNeed = sets.New(names.NodePorts, names.VolumeRestrictions, names.NodeVolumeLimits, names.VolumeBinding, names.VolumeZone)
	// idle are the engine's plugins that do nothing for modelled pods.
	idle = sets.New(names.DynamicResources, names.GangScheduling)
	// ofEngine are all filters of the engine that are supported.
	ofEngine = byState.Union(byNeed)
	// scoredByState are the engine's score plugins that only depend on a node's state, and
	// whose scores are not normalized.
	scoredByState = sets.New(names.NodeResourcesFit, names.NodeResourcesBalancedAllocation)
)

// profile describes the profile that contains the plugin.
type profile struct {
	// modelled reports whether the best node can be determined without the engine.
	modelled bool
	// parts are the names of our plugins.
	parts []string
	// filters are all filters of the profile; others are those that are not evaluated per state.
	filters, others sets.Set[string]
	scores          []score
	// enginesFirst reports that the engine's own filters run before ours, so that their rejections
	// come first.
	enginesFirst bool
	// preemptsByDefault reports that if no node fits, DefaultPreemption runs after this plugin, and no
	// other plugin that can do anything.
	preemptsByDefault bool
	// byEngine reports whether plugins of the engine contribute to the score.
	byEngine bool
	// comparisons reports whether tolerations may compare numbers.
	comparisons bool
}

// score is a score plugin.
type score struct {
	name   string
	weight int64
	ours   bool
}

// place returns the position of the score plugin, or -1.
func (p *profile) place(name string) int {
	return slices.IndexFunc(p.scores, func(s score) bool { return s.name == name })
}

// newProfile describes the framework's profile. It returns nil if that is not possible with
// this pod.
func newProfile(ctx context.Context, f framework.Framework, pod *corev1.Pod, nodes []fwk.NodeInfo) *profile {
	plugins := f.ListPlugins()
	p := &profile{
		filters:     sets.New[string](),
		others:      sets.New[string](),
		comparisons: feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate).EnableTaintTolerationComparisonOperators,
	}
	reason := p.read(plugins)
	switch {
	case reason != "":
	case len(f.Extenders()) > 0:
		reason = "the profile has an extender"
	case !comesFirst(plugins.PostFilter.Enabled):
		reason = fmt.Sprintf("it must also be enabled at postFilter, before %s", names.DefaultPreemption)
	default:
		added, known := hasAddedAffinity(ctx, f, pod, nodes)
		if !known {
			return nil
		}
		if added {
			reason = names.NodeAffinity + " has addedAffinity"
		}
	}
	p.modelled = reason == ""
	if !p.modelled {
		klog.FromContext(ctx).Info("CandidateNodes is inactive for this profile", "profile", f.ProfileName(), "reason", reason)
	}
	return p
}

// read reads the plugins, and returns which of them is not supported, or "" if all are.
func (p *profile) read(plugins *schedulerconfig.Plugins) string {
	parts := sets.New[string]()
	for _, plugin := range plugins.Filter.Enabled {
		p.filters.Insert(plugin.Name)
	}
	for _, plugin := range slices.Concat(plugins.PreFilter.Enabled, plugins.Filter.Enabled) {
		switch {
		case ours.Has(plugin.Name):
			parts.Insert(plugin.Name)
		case plugin.Name != Name && !ofEngine.Has(plugin.Name) && !idle.Has(plugin.Name):
			return fmt.Sprintf("it does not support the filter %s", plugin.Name)
		}
		if !byState.Has(plugin.Name) {
			p.others.Insert(plugin.Name)
		}
	}
	for _, plugin := range plugins.Score.Enabled {
		s := score{name: plugin.Name, weight: int64(plugin.Weight), ours: ours.Has(plugin.Name)}
		switch {
		case s.ours && !parts.Has(plugin.Name):
			return fmt.Sprintf("%s is not enabled at preFilter", plugin.Name)
		case scoredByState.Has(plugin.Name):
			p.byEngine = true
		case !s.ours && !idle.Has(plugin.Name) && !byNeed.Has(plugin.Name) && plugin.Name != names.NodeAffinity && plugin.Name != names.TaintToleration:
			return fmt.Sprintf("it does not support the score plugin %s", plugin.Name)
		}
		p.scores = append(p.scores, s)
	}
	p.parts = sets.List(parts)
	var afterwards []string
	for _, plugin := range plugins.PostFilter.Enabled {
		if !idle.Has(plugin.Name) {
			afterwards = append(afterwards, plugin.Name)
		}
	}
	at := slices.Index(afterwards, Name)
	p.preemptsByDefault = at >= 0 && slices.Equal(afterwards[at:], []string{Name, names.DefaultPreemption})
	lastOfEngine := lastIndex(plugins.Filter.Enabled, ofEngine)
	p.enginesFirst = !slices.ContainsFunc(plugins.Filter.Enabled[:lastOfEngine+1], func(f schedulerconfig.Plugin) bool { return ours.Has(f.Name) })
	before := true
	for _, plugin := range plugins.PreFilter.Enabled {
		before = before && plugin.Name != Name
		if !before && ours.Has(plugin.Name) {
			return fmt.Sprintf("%s must be enabled before it", plugin.Name)
		}
	}
	return ""
}

// lastIndex returns the index of the last plugin that is in the set, or -1.
func lastIndex(enabled []schedulerconfig.Plugin, of sets.Set[string]) int {
	last := -1
	for i, plugin := range enabled {
		if of.Has(plugin.Name) {
			last = i
		}
	}
	return last
}

// comesFirst reports whether this plugin runs before preemption, if that is enabled.
func comesFirst(enabled []schedulerconfig.Plugin) bool {
	place := func(name string) int {
		return slices.IndexFunc(enabled, func(p schedulerconfig.Plugin) bool { return p.Name == name })
	}
	preemption := place(names.DefaultPreemption)
	return place(Name) >= 0 && (preemption < 0 || place(Name) < preemption)
}

// hasAddedAffinity reports whether the arguments of NodeAffinity add to the requirements of
// pods: then NodeAffinity is active for a pod without requirements. It tests this with a copy
// of the pod without its requirements. Plugins may fail for it.
func hasAddedAffinity(ctx context.Context, f framework.Framework, pod *corev1.Pod, nodes []fwk.NodeInfo) (added, known bool) {
	ctx, state := withProbe(ctx), framework.NewCycleState()
	pod = pod.DeepCopy()
	pod.Spec.NodeSelector = nil
	if pod.Spec.Affinity != nil {
		pod.Spec.Affinity.NodeAffinity = nil
	}
	if _, status, _ := f.RunPreFilterPlugins(ctx, state, pod); !status.IsSuccess() {
		return false, false
	}
	if !f.RunPreScorePlugins(ctx, state, pod, nodes).IsSuccess() {
		return false, false
	}
	return !state.GetSkipFilterPlugins().Has(names.NodeAffinity) || !state.GetSkipScorePlugins().Has(names.NodeAffinity), true
}

// probeKey marks a context in which this plugin runs the engine's plugins.
type probeKey struct{}

func withProbe(ctx context.Context) context.Context {
	return context.WithValue(ctx, probeKey{}, true)
}

func probing(ctx context.Context) bool {
	return ctx.Value(probeKey{}) != nil
}
