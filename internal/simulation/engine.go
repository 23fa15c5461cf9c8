package simulation

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/compat"
)

// Caveat says that the engine here is of another minor version than the cluster, where pods of
// the picture are for a scheduler that runs with the cluster's: one whose profile has none of
// the plugins beside the engine's own. It is empty where that is not so, or not known.
func Caveat(picture *cluster.Snapshot, profiles []*schedulerconfig.KubeSchedulerProfile, registry frameworkruntime.Registry) string {
	whose, runs := "the cluster", parsed(picture.Kubernetes)
	if runs == nil {
		whose, runs = "the cluster's newest kubelet", newestKubelet(picture.Nodes)
	}
	if runs == nil || minor(runs) == compat.Engine() || !forOthers(picture.Pods, profiles, registry) {
		return ""
	}
	return fmt.Sprintf("simulated with the %s engine; %s runs %s", compat.Engine(), whose, minor(runs))
}

// newestKubelet returns the newest version of the nodes' kubelets, than which no API server is
// older; nil if none says it, as fake nodes do not.
func newestKubelet(nodes []*corev1.Node) *version.Version {
	var newest *version.Version
	for _, node := range nodes {
		if v := parsed(node.Status.NodeInfo.KubeletVersion); v != nil && (newest == nil || newest.LessThan(v)) {
			newest = v
		}
	}
	return newest
}

// parsed returns a version; nil of what is none.
func parsed(text string) *version.Version {
	v, err := version.ParseGeneric(text)
	if err != nil {
		return nil
	}
	return v
}

func minor(v *version.Version) string { return fmt.Sprintf("%d.%d", v.Major(), v.Minor()) }

// forOthers reports whether any pod is for a scheduler without plugins of the registry.
func forOthers(pods []*corev1.Pod, profiles []*schedulerconfig.KubeSchedulerProfile, registry frameworkruntime.Registry) bool {
	others := map[string]bool{}
	for _, profile := range profiles {
		others[profile.SchedulerName] = !slices.ContainsFunc(enabled(profile.Plugins), func(name string) bool { return registry[name] != nil })
	}
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool { return cluster.Holds(pod) && others[pod.Spec.SchedulerName] })
}

// enabled returns the names of the plugins that are enabled, at some points or at all.
func enabled(plugins *schedulerconfig.Plugins) []string {
	names := plugins.Names()
	if plugins != nil {
		for _, plugin := range plugins.MultiPoint.Enabled {
			names = append(names, plugin.Name)
		}
	}
	return names
}
