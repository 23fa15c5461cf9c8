package main

import (
	"slices"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	pluginconfig "github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

// preemptibleOptions returns what the plugin PreemptibleNodes is told in a profile that
// has it.
func preemptibleOptions(profile *schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool) {
	enabled := slices.Concat(profile.Plugins.MultiPoint.Enabled, profile.Plugins.Filter.Enabled)
	if !slices.ContainsFunc(enabled, func(p schedulerconfig.Plugin) bool { return p.Name == preemptiblenodes.Name }) {
		return preemptible.Options{}, false
	}
	for _, config := range profile.PluginConfig {
		if args, is := config.Args.(*pluginconfig.PreemptibleNodesArgs); is {
			return preemptiblenodes.OptionsOf(args), true
		}
	}
	return preemptible.Options{}, false
}
