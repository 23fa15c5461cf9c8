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

// Caveat reports that the linked engine has another minor version than the cluster, if pods
// in the snapshot belong to a scheduler of the cluster's version: one whose profile has none
// of the additional plugins. It is empty otherwise, or if the version is unknown.
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

// newestKubelet returns the newest version of the nodes' kubelets, which is at most that of
// the API server; nil if it is unknown, as for fake nodes.
func newestKubelet(nodes []*corev1.Node) *version.Version {
	var newest *version.Version
	for _, node := range nodes {
		if v := parsed(node.Status.NodeInfo.KubeletVersion); v != nil && (newest == nil || newest.LessThan(v)) {
			newest = v
		}
	}
	return newest
}

// parsed returns a version; nil if it is invalid.
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

// enabled returns the names of the plugins that are enabled at any extension point.
func enabled(plugins *schedulerconfig.Plugins) []string {
	names := plugins.Names()
	if plugins != nil {
		for _, plugin := range plugins.MultiPoint.Enabled {
			names = append(names, plugin.Name)
		}
	}
	return names
}
