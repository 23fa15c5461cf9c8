package candidatenodes_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// reference returns the same profile as the engine would run it without what makes it
// faster: no CandidateNodes, and the engine's plugins in place of the indexed ones.
func reference(profile *schedulerconfig.KubeSchedulerProfile) *schedulerconfig.KubeSchedulerProfile {
	r := profile.DeepCopy()
	without(candidateNodes)(r)
	for ours, theirs := range ofEngine {
		if !enables(r, ours) {
			without(ours)(r)
			continue
		}
		without(theirs)(r) // was switched off, or is somehow on twice
		for _, set := range pluginSets(r) {
			for i := range set.Enabled {
				if set.Enabled[i].Name == ours {
					set.Enabled[i].Name = theirs
				}
			}
			for i := range set.Disabled {
				if set.Disabled[i].Name == ours {
					set.Disabled[i].Name = theirs
				}
			}
		}
	}
	for i := range r.PluginConfig {
		c := &r.PluginConfig[i]
		switch args := c.Args.(type) {
		case *config.IndexedInterPodAffinityArgs:
			c.Name, c.Args = names.InterPodAffinity, &args.InterPodAffinityArgs
		case *config.IndexedPodTopologySpreadArgs:
			c.Name, c.Args = names.PodTopologySpread, &args.PodTopologySpreadArgs
		}
	}
	return r
}

func enables(p *schedulerconfig.KubeSchedulerProfile, plugin string) bool {
	return slices.ContainsFunc(pluginSets(p), func(set *schedulerconfig.PluginSet) bool {
		return slices.ContainsFunc(set.Enabled, func(e schedulerconfig.Plugin) bool { return e.Name == plugin })
	})
}

// pluginSets returns the plugins of every extension point of the profile.
func pluginSets(p *schedulerconfig.KubeSchedulerProfile) (sets []*schedulerconfig.PluginSet) {
	points := reflect.ValueOf(p.Plugins).Elem() // new releases have more of them
	for i := range points.NumField() {
		sets = append(sets, points.Field(i).Addr().Interface().(*schedulerconfig.PluginSet))
	}
	return sets
}

// TestReference covers what the other tests here take for granted.
func TestReference(t *testing.T) {
	affinity := schedulerconfig.InterPodAffinityArgs{HardPodAffinityWeight: 7}
	spread := schedulerconfig.PodTopologySpreadArgs{DefaultingType: schedulerconfig.ListDefaulting}
	profile := &schedulerconfig.KubeSchedulerProfile{
		Plugins: &schedulerconfig.Plugins{
			MultiPoint: schedulerconfig.PluginSet{
				Enabled:  []schedulerconfig.Plugin{{Name: indexedPodAffinity, Weight: 3}, {Name: names.NodeName}, {Name: indexedTopologySpread, Weight: 4}, {Name: candidateNodes}},
				Disabled: []schedulerconfig.Plugin{{Name: names.InterPodAffinity}, {Name: names.PodTopologySpread}},
			},
			Score: schedulerconfig.PluginSet{Disabled: []schedulerconfig.Plugin{{Name: indexedPodAffinity}, {Name: names.ImageLocality}}},
		},
		PluginConfig: []schedulerconfig.PluginConfig{
			{Name: names.InterPodAffinity, Args: &schedulerconfig.InterPodAffinityArgs{}},
			{Name: indexedPodAffinity, Args: &config.IndexedInterPodAffinityArgs{InterPodAffinityArgs: affinity}},
			{Name: indexedTopologySpread, Args: &config.IndexedPodTopologySpreadArgs{PodTopologySpreadArgs: spread}},
		},
	}
	before := profile.DeepCopy()
	want := &schedulerconfig.KubeSchedulerProfile{
		Plugins: &schedulerconfig.Plugins{
			MultiPoint: schedulerconfig.PluginSet{
				Enabled:  []schedulerconfig.Plugin{{Name: names.InterPodAffinity, Weight: 3}, {Name: names.NodeName}, {Name: names.PodTopologySpread, Weight: 4}},
				Disabled: []schedulerconfig.Plugin{},
			},
			Score: schedulerconfig.PluginSet{Disabled: []schedulerconfig.Plugin{{Name: names.InterPodAffinity}, {Name: names.ImageLocality}}},
		},
		PluginConfig: []schedulerconfig.PluginConfig{
			{Name: names.InterPodAffinity, Args: &affinity},
			{Name: names.PodTopologySpread, Args: &spread},
		},
	}
	if diff := cmp.Diff(want, reference(profile)); diff != "" {
		t.Errorf("the reference (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, profile); diff != "" {
		t.Errorf("the profile itself (-before +after):\n%s", diff)
	}
	for _, c := range append(shipped(t), variants(t)...) {
		r := reference(c.profile)
		for _, name := range []string{candidateNodes, indexedPodAffinity, indexedTopologySpread} {
			if enables(r, name) {
				t.Errorf("the reference of %s still has %s", c.name, name)
			}
		}
	}
}
