package packing

import (
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/config"
)

const (
	ours      = "Stowage"
	upstreams = "Kubernetes"
	// profileName is the scheduler name of the profiles that are written here.
	profileName = "subject"
	// shippedGPU is what the shipped configuration has where GPUMilli stands here.
	shippedGPU = "nvidia.com/gpu"
)

// Subject is a way to score nodes.
type Subject struct {
	Name string
	// of says whose it is, settings in words how it is set.
	of, settings string
	// configuration is a KubeSchedulerConfiguration, in YAML, and profile the name of the
	// profile in it that scores that way.
	configuration, profile string
}

// Subjects are the ways to score that are compared: the one that is shipped, upstream's,
// and each of BinPacking's.
func Subjects() []Subject {
	all := []Subject{
		{
			Name: "stowage", of: ours, settings: "the profile stowage of the shipped configuration, with " + string(GPUMilli) + " for " + shippedGPU,
			configuration: strings.ReplaceAll(string(config.Scheduler), shippedGPU, string(GPUMilli)), profile: "stowage",
		},
		nodeResourcesFit(subjects.MostAllocatedAll, "MostAllocated", ""),
		nodeResourcesFit("least-allocated", "LeastAllocated", ""),
		nodeResourcesFit("requested-to-capacity-ratio", "RequestedToCapacityRatio", `
        requestedToCapacityRatio:
          shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]`),
		{
			Name: "random", of: upstreams, settings: "no score: a node is drawn of those that take the pod",
			configuration: unscored, profile: profileName,
		},
	}
	for _, s := range []struct{ name, strategy string }{{"best-fit", "BestFit"}, {"dot-product", "DotProduct"}, {"fragmentation", "Fragmentation"}} {
		all = append(all,
			binPacking(s.name+"-last-resort", s.strategy, "LastResort"),
			binPacking(s.name+"-like-any-other", s.strategy, "LikeAnyOther"),
		)
	}
	return all
}

// Described says of each subject which version it is, and how it is set.
func Described() []figure.Subject {
	here := figure.Here()
	versions := map[string]string{ours: here.Stowage, upstreams: here.Kubernetes}
	var all []figure.Subject
	for _, s := range Subjects() {
		all = append(all, figure.Subject{Name: s.Name, Version: s.of + " " + versions[s.of], Settings: s.settings})
	}
	return all
}

// nodeResourcesFit returns the subject for which upstream's plugin scores alone, as it does in
// the default profile without NodeResourcesBalancedAllocation: no pod here has what the other
// scores go by. Its shape of a RequestedToCapacityRatio is the line from empty to full.
func nodeResourcesFit(name, strategy, parameters string) Subject {
	return Subject{
		Name: name, of: upstreams, settings: "what the default profile without NodeResourcesBalancedAllocation decides of all nodes, by " + strategy + " of cpu, memory and GPU; of equal nodes the first by name, where kube-scheduler draws one",
		configuration: scoredBy("[{name: CandidateNodes}]", "NodeResourcesFit", fmt.Sprintf(`
      scoringStrategy:
        type: %s
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}, {name: %s, weight: 1}]%s`, strategy, GPUMilli, parameters)),
		profile: profileName,
	}
}

// binPacking returns the subject for which BinPacking scores alone.
func binPacking(name, strategy, emptyNodes string) Subject {
	return Subject{
		Name: name, of: ours, settings: "BinPacking alone, " + strategy + " of cpu, memory and GPU, emptyNodes " + emptyNodes,
		configuration: scoredBy("[{name: BinPacking}, {name: CandidateNodes}]", "BinPacking", fmt.Sprintf(`
      strategy: %s
      emptyNodes: %s
      resources: [{name: cpu}, {name: memory}, {name: %s}]`, strategy, emptyNodes, GPUMilli)),
		profile: profileName,
	}
}

// preamble is how each configuration begins. No pod has what the disabled filters go by.
const preamble = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: ` + profileName + `
  plugins:
    multiPoint:
      disabled: [{name: InterPodAffinity}, {name: PodTopologySpread}]
`

// unscored is the configuration in which nodes are drawn.
const unscored = preamble + `      enabled: [{name: ` + randomNode + `}]
    score:
      disabled: [{name: "*"}]
`

// scoredBy returns the configuration in which one plugin scores alone; enabled are those
// to enable at all points. CandidateNodes finds the node that it gives most, the first by
// name, without asking about each.
func scoredBy(enabled, plugin, arguments string) string {
	return preamble + fmt.Sprintf(`      enabled: %s
    postFilter:
      enabled: [{name: CandidateNodes}]
    score:
      disabled: [{name: "*"}]
      enabled: [{name: %[2]s, weight: 1}]
  pluginConfig:
  - name: %[2]s
    args:%[3]s
`, enabled, plugin, arguments)
}
