package candidatenodes_test

import (
	"os"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

const (
	candidateNodes         = "CandidateNodes"
	indexedPodAffinity     = "IndexedInterPodAffinity"
	indexedTopologySpread  = "IndexedPodTopologySpread"
	binPacking             = "BinPacking"
	preemptibleNodes       = "PreemptibleNodes"
	dedicatedNodes         = "DedicatedNodes"
	schedulerConfiguration = "../../config/scheduler/config.yaml"
)

// ofEngine are the engine's plugins that ours stand in for.
var ofEngine = map[string]string{
	indexedPodAffinity:    names.InterPodAffinity,
	indexedTopologySpread: names.PodTopologySpread,
}

// profileCase is a profile that decisions are compared for.
type profileCase struct {
	name    string
	profile *schedulerconfig.KubeSchedulerProfile
}

// shipped returns the profiles of the scheduler's configuration.
func shipped(t testing.TB) []profileCase {
	t.Helper()
	configuration, err := os.ReadFile(schedulerConfiguration)
	if err != nil {
		t.Fatal(err)
	}
	var cases []profileCase
	for _, name := range []string{"stowage", "stowage-spread", "stowage-preemptible-first"} {
		profile, err := simulation.Profile(configuration, name)
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, profileCase{name, profile})
	}
	return cases
}

// narrowing returns the profile with CandidateNodes where it belongs.
func narrowing(profile *schedulerconfig.KubeSchedulerProfile) *schedulerconfig.KubeSchedulerProfile {
	without(candidateNodes)(profile)
	multiPoint, postFilter := &profile.Plugins.MultiPoint.Enabled, &profile.Plugins.PostFilter.Enabled
	*multiPoint = append(*multiPoint, schedulerconfig.Plugin{Name: candidateNodes})
	*postFilter = append([]schedulerconfig.Plugin{{Name: candidateNodes}}, *postFilter...)
	return profile
}

// variants returns profiles that differ from the shipped ones.
func variants(t testing.TB) []profileCase {
	t.Helper()
	packing := func(strategy config.PackingStrategy, empty config.EmptyNodesPolicy, resources ...config.ResourceSpec) func(*schedulerconfig.KubeSchedulerProfile) {
		return func(p *schedulerconfig.KubeSchedulerProfile) {
			args := argsOf[*config.BinPackingArgs](t, p, binPacking)
			args.Strategy, args.EmptyNodes = strategy, empty
			if resources != nil {
				args.Resources = resources
			}
		}
	}
	preempting := func(enforcement config.Enforcement, mode config.PreemptibleMode, onDemandMin string) func(*schedulerconfig.KubeSchedulerProfile) {
		return func(p *schedulerconfig.KubeSchedulerProfile) {
			args := argsOf[*config.PreemptibleNodesArgs](t, p, preemptibleNodes)
			args.Enforcement, args.Default.Preemptible = enforcement, mode
			args.Default.PreemptibleMax, args.Default.OnDemandMin = nil, ptr.To(intstr.FromString(onDemandMin))
		}
	}
	cpu, memory, gpu := config.ResourceSpec{Name: "cpu", Weight: 1, Ceiling: 100}, config.ResourceSpec{Name: "memory", Weight: 3, Ceiling: 100}, config.ResourceSpec{Name: "nvidia.com/gpu", Weight: 1, Ceiling: 100}
	low, pods, storage := config.ResourceSpec{Name: "cpu", Weight: 2, Ceiling: 60}, config.ResourceSpec{Name: "pods", Weight: 1, Ceiling: 80}, config.ResourceSpec{Name: "ephemeral-storage", Weight: 1, Ceiling: 90}
	changes := []struct {
		name   string
		change func(*schedulerconfig.KubeSchedulerProfile)
	}{
		{"BestFit", packing(config.BestFit, config.LastResort)},
		{"BestFit, empty nodes like any other", packing(config.BestFit, config.LikeAnyOther)},
		{"DotProduct", packing(config.DotProduct, config.LastResort)},
		{"DotProduct, empty nodes like any other", packing(config.DotProduct, config.LikeAnyOther, cpu, memory)},
		{"Fragmentation, empty nodes like any other", packing(config.Fragmentation, config.LikeAnyOther)},
		{"ceilings", packing(config.BestFit, config.LikeAnyOther, low, memory, gpu)},
		{"ceilings of pods and storage", packing(config.Fragmentation, config.LastResort, low, pods, storage)},
		{"packing by GPU alone", packing(config.Fragmentation, config.LastResort, gpu)},
		{"typical pods", func(p *schedulerconfig.KubeSchedulerProfile) {
			args := argsOf[*config.BinPackingArgs](t, p, binPacking)
			args.Strategy = config.Fragmentation
			args.TypicalPods = []config.TypicalPod{
				{Requests: corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi"), "nvidia.com/gpu": resource.MustParse("2")}, Weight: 1},
				{Requests: corev1.ResourceList{"cpu": resource.MustParse("500m")}, Weight: 3},
			}
		}},
		{"hard limits", preempting(config.Hard, config.PreemptiblePrefer, "34%")},
		{"hard rule against preemptible nodes", preempting(config.Hard, config.PreemptibleNever, "0")},
		{"on demand by default", preempting(config.Soft, config.PreemptibleNever, "1")},
		{"packing weighs most", func(p *schedulerconfig.KubeSchedulerProfile) {
			weigh(p, binPacking, 10)
			weigh(p, preemptibleNodes, 1)
			weigh(p, dedicatedNodes, 2)
		}},
		{"no weights given", func(p *schedulerconfig.KubeSchedulerProfile) {
			for _, name := range []string{binPacking, preemptibleNodes, dedicatedNodes} {
				weigh(p, name, 0)
			}
		}},
		{"without BinPacking", without(binPacking)},
		{"without PreemptibleNodes", without(preemptibleNodes)},
		{"without DedicatedNodes", without(dedicatedNodes)},
		{"without any of ours", without(binPacking, preemptibleNodes, dedicatedNodes)},
		{"BinPacking alone", without(preemptibleNodes, dedicatedNodes, names.InterPodAffinity, names.PodTopologySpread, indexedPodAffinity, indexedTopologySpread, names.ImageLocality, names.NodeAffinity)},
		{"DedicatedNodes with other weights", func(p *schedulerconfig.KubeSchedulerProfile) {
			args := argsOf[*config.DedicatedNodesArgs](t, p, dedicatedNodes)
			args.ScarceResources = []string{"example.com/fpga"}
			args.Weights.PreferNoSchedule = 7
			args.Weights.ShortStay = 0
		}},
		{"some of the engine's scores beside ours", func(p *schedulerconfig.KubeSchedulerProfile) {
			p.Plugins.Score.Disabled = []schedulerconfig.Plugin{{Name: names.ImageLocality}}
		}},
		{"the engine's scores beside ours", func(p *schedulerconfig.KubeSchedulerProfile) { p.Plugins.Score.Disabled = nil }},
		{"the engine's affinity and spread", func(p *schedulerconfig.KubeSchedulerProfile) {
			*p = *reference(p)
			narrowing(p)
		}},
		{"indexed affinity and spread", indexed},
		{"everything spread by default", func(p *schedulerconfig.KubeSchedulerProfile) {
			for _, c := range p.PluginConfig {
				switch args := c.Args.(type) {
				case *schedulerconfig.PodTopologySpreadArgs:
					args.DefaultingType = schedulerconfig.SystemDefaulting
				case *config.IndexedPodTopologySpreadArgs:
					args.DefaultingType = schedulerconfig.SystemDefaulting
				}
			}
		}},
	}
	packs, spreads := narrowing(shipped(t)[0].profile), narrowing(shipped(t)[1].profile)
	noImages := spreads.DeepCopy()
	noImages.Plugins.Score.Disabled = append(noImages.Plugins.Score.Disabled, schedulerconfig.Plugin{Name: names.ImageLocality})
	cases := []profileCase{{"spread and narrow", spreads}, {"spread and narrow whatever the images", noImages}, {"spread and narrow whatever the images", noImages}}
	for _, c := range changes {
		profile := packs.DeepCopy()
		c.change(profile)
		cases = append(cases, profileCase{c.name, profile})
	}
	return cases
}

// indexed puts our plugins for affinity and spread in the place of the engine's.
func indexed(p *schedulerconfig.KubeSchedulerProfile) {
	for ours, theirs := range ofEngine {
		if enables(p, ours) {
			continue
		}
		for _, set := range pluginSets(p) {
			for i := range set.Enabled {
				if set.Enabled[i].Name == theirs {
					set.Enabled[i].Name = ours
				}
			}
		}
		for i := range p.PluginConfig {
			c := &p.PluginConfig[i]
			switch args := c.Args.(type) {
			case *schedulerconfig.InterPodAffinityArgs:
				c.Name, c.Args = indexedPodAffinity, &config.IndexedInterPodAffinityArgs{InterPodAffinityArgs: *args}
			case *schedulerconfig.PodTopologySpreadArgs:
				c.Name, c.Args = indexedTopologySpread, &config.IndexedPodTopologySpreadArgs{PodTopologySpreadArgs: *args}
			}
		}
	}
}

// argsOf returns the arguments of a plugin, for them to be changed.
func argsOf[T runtime.Object](t testing.TB, p *schedulerconfig.KubeSchedulerProfile, plugin string) T {
	t.Helper()
	for _, c := range p.PluginConfig {
		if args, ok := c.Args.(T); ok && c.Name == plugin {
			return args
		}
	}
	t.Fatalf("the profile has no arguments of %s", plugin)
	panic("not reached")
}

func weigh(p *schedulerconfig.KubeSchedulerProfile, plugin string, weight int32) {
	for i := range p.Plugins.MultiPoint.Enabled {
		if p.Plugins.MultiPoint.Enabled[i].Name == plugin {
			p.Plugins.MultiPoint.Enabled[i].Weight = weight
		}
	}
}

// without returns a change that takes plugins out of a profile.
func without(plugins ...string) func(*schedulerconfig.KubeSchedulerProfile) {
	return func(p *schedulerconfig.KubeSchedulerProfile) {
		for _, set := range pluginSets(p) {
			set.Enabled = slices.DeleteFunc(set.Enabled, func(e schedulerconfig.Plugin) bool { return slices.Contains(plugins, e.Name) })
			set.Disabled = slices.DeleteFunc(set.Disabled, func(e schedulerconfig.Plugin) bool { return slices.Contains(plugins, e.Name) })
		}
		p.PluginConfig = slices.DeleteFunc(p.PluginConfig, func(c schedulerconfig.PluginConfig) bool { return slices.Contains(plugins, c.Name) })
	}
}
