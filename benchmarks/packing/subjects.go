package packing

import (
	"fmt"
)

// Subject is a way to score nodes.
type Subject struct {
	Name string
	// Configuration is the KubeSchedulerConfiguration, in YAML, whose profile
	// ProfileName scores that way.
	Configuration string
}

// ProfileName is the scheduler name of every subject's profile.
const ProfileName = "subject"

// Subjects are the ways to score that are compared: upstream's, then ours.
func Subjects() []Subject {
	subjects := []Subject{
		{Name: "upstream LeastAllocated", Configuration: upstream("LeastAllocated", "")},
		{Name: "upstream MostAllocated", Configuration: upstream("MostAllocated", "")},
		{Name: "upstream RequestedToCapacityRatio", Configuration: upstream("RequestedToCapacityRatio", `        requestedToCapacityRatio:
          shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]
`)},
	}
	for _, strategy := range []string{"BestFit", "DotProduct", "Fragmentation"} {
		subjects = append(subjects,
			Subject{Name: "stowage " + strategy, Configuration: binPacking(strategy, "LastResort")},
			Subject{Name: "stowage " + strategy + ", empty nodes LikeAnyOther", Configuration: binPacking(strategy, "LikeAnyOther")},
		)
	}
	return subjects
}

// upstream returns a profile in which NodeResourcesFit scores alone. Its shape of a
// RequestedToCapacityRatio is the line from empty to full.
func upstream(strategy, parameters string) string {
	return fmt.Sprintf(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: %s
  plugins:
    score:
      disabled: [{name: "*"}]
      enabled: [{name: NodeResourcesFit, weight: 1}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      scoringStrategy:
        type: %s
        resources: [{name: cpu, weight: 1}, {name: memory, weight: 1}, {name: %s, weight: 1}]
%s`, ProfileName, strategy, GPUMilli, parameters)
}

// binPacking returns a profile in which BinPacking scores alone.
func binPacking(strategy, emptyNodes string) string {
	return fmt.Sprintf(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: %s
  plugins:
    multiPoint:
      enabled: [{name: BinPacking, weight: 1}]
    score:
      disabled: [{name: "*"}]
      enabled: [{name: BinPacking, weight: 1}]
  pluginConfig:
  - name: BinPacking
    args:
      strategy: %s
      emptyNodes: %s
      resources: [{name: cpu}, {name: memory}, {name: %s}]
`, ProfileName, strategy, emptyNodes, GPUMilli)
}
