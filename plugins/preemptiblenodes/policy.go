package preemptiblenodes

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// Annotations of a pod template, or of a namespace for all its pods.
const (
	// PreemptibleAnnotation reports whether pods may be on preemptible nodes: never,
	// allow, prefer or require.
	PreemptibleAnnotation = preemptible.ModeAnnotation
	// PreemptibleMaxAnnotation is the maximum number of replicas on preemptible nodes, as a
	// number or as a percentage of the desired replicas, rounded down.
	PreemptibleMaxAnnotation = preemptible.MaxAnnotation
	// OnDemandMinAnnotation is the minimum number of replicas on other nodes, as a number or
	// as a percentage of the desired replicas, rounded up.
	OnDemandMinAnnotation = preemptible.OnDemandMinAnnotation
)

// OptionsOf returns the options in the arguments, which must be valid.
func OptionsOf(args *config.PreemptibleNodesArgs) preemptible.Options {
	mode := preemptible.Mode(args.Default.Preemptible)
	options := preemptible.Options{
		Nodes: preemptible.Recognizer{Notices: args.TerminationNotices},
		Default: preemptible.Statement{
			Mode:        &mode,
			Max:         replicasOf(args.Default.PreemptibleMax),
			OnDemandMin: replicasOf(args.Default.OnDemandMin),
			Hard:        args.Enforcement == config.Hard,
		},
	}
	for _, label := range args.NodeLabels {
		options.Nodes.Labels = append(options.Nodes.Labels, preemptible.NodeLabel(label))
	}
	return options
}

// replicasOf returns a limit; nil if there is none.
func replicasOf(limit *intstr.IntOrString) *preemptible.Replicas {
	if limit == nil {
		return nil
	}
	replicas, _ := preemptible.ParseReplicas(limit.String()) // it has been validated
	return &replicas
}

// contradiction returns an error message if the pod's node selector and required node
// affinity only allow nodes that its policy excludes; "" otherwise.
func (pl *PreemptibleNodes) contradiction(pod *corev1.Pod, p preemptible.Policy) string {
	kind := ""
	switch {
	case !p.HardMode:
	case p.Mode == preemptible.Never && pl.options.Nodes.Confines(&pod.Spec):
		kind = "only preemptible nodes"
	case p.Mode == preemptible.Require && pl.options.Nodes.KeepsOff(&pod.Spec):
		kind = "no preemptible nodes"
	}
	if kind == "" {
		return ""
	}
	return fmt.Sprintf("the pod's node selector and affinity allow %s, which contradicts %s: %s: change one of them in the pod template", kind, PreemptibleAnnotation, p.Mode)
}

// OptionsOfProfile returns the options of the plugin in a scheduler's profile, and whether it
// is enabled there.
func OptionsOfProfile(profile *schedulerconfig.KubeSchedulerProfile) (preemptible.Options, bool) {
	enabled := slices.Concat(profile.Plugins.MultiPoint.Enabled, profile.Plugins.Filter.Enabled)
	if !slices.ContainsFunc(enabled, func(p schedulerconfig.Plugin) bool { return p.Name == Name }) {
		return preemptible.Options{}, false
	}
	for _, plugin := range profile.PluginConfig {
		if args, is := plugin.Args.(*config.PreemptibleNodesArgs); is {
			return OptionsOf(args), true
		}
	}
	return preemptible.Options{}, false
}
