package simulation

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// SpreadDefaults are topology spread constraints that a scheduler has for a pod without
// any of its own.
type SpreadDefaults struct {
	// Constraints select the pods that count for this one.
	Constraints []corev1.TopologySpreadConstraint
	// Alone says that a node counts for each of them whose label it has. Otherwise it
	// counts for none unless it has the labels of all, as with a pod's own.
	Alone bool
}

// systemSpread is what the engine has where a configuration leaves the defaults to it.
var systemSpread = []corev1.TopologySpreadConstraint{
	{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 3},
	{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 5},
}

// spreadArgs is met by the arguments of plugins that stand in for PodTopologySpread.
type spreadArgs interface {
	SpreadArgs() *schedulerconfig.PodTopologySpreadArgs
}

// spreadDefaultsOf returns what a profile has for all pods: hard constraints from the
// plugin that filters by spread, soft ones from the one that scores by it.
func spreadDefaultsOf(profile *schedulerconfig.KubeSchedulerProfile, framework schedulerframework.Framework) map[corev1.UnsatisfiableConstraintAction]SpreadDefaults {
	plugins := framework.ListPlugins()
	all := map[corev1.UnsatisfiableConstraintAction]SpreadDefaults{}
	for when, enabled := range map[corev1.UnsatisfiableConstraintAction][]schedulerconfig.Plugin{
		corev1.DoNotSchedule: plugins.Filter.Enabled, corev1.ScheduleAnyway: plugins.Score.Enabled,
	} {
		for _, plugin := range enabled {
			if args := spreadArgsOf(profile, plugin.Name); args != nil {
				all[when] = spreadDefaultsFrom(args, when)
			}
		}
	}
	return all
}

// spreadArgsOf returns the arguments of a plugin if it is about spread.
func spreadArgsOf(profile *schedulerconfig.KubeSchedulerProfile, plugin string) *schedulerconfig.PodTopologySpreadArgs {
	for _, c := range profile.PluginConfig {
		if c.Name != plugin {
			continue
		}
		switch args := c.Args.(type) {
		case *schedulerconfig.PodTopologySpreadArgs:
			return args
		case spreadArgs:
			return args.SpreadArgs()
		}
	}
	return nil
}

func spreadDefaultsFrom(args *schedulerconfig.PodTopologySpreadArgs, when corev1.UnsatisfiableConstraintAction) SpreadDefaults {
	constraints, system := args.DefaultConstraints, args.DefaultingType == schedulerconfig.SystemDefaulting
	if system {
		constraints = systemSpread
	}
	defaults := SpreadDefaults{Alone: system}
	for _, c := range constraints {
		if c.WhenUnsatisfiable == when {
			c.MatchLabelKeys = nil // as the engine does: the selector is all there is
			defaults.Constraints = append(defaults.Constraints, c)
		}
	}
	return defaults
}

// SpreadDefaults returns the constraints that the pod's scheduler has for it by default,
// hard ones or soft ones. There are none for a pod that has constraints itself, or that
// neither a Service nor a controller selects.
func (s *Simulation) SpreadDefaults(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) SpreadDefaults {
	framework, err := s.frameworkFor(pod)
	if err != nil || len(pod.Spec.TopologySpreadConstraints) > 0 {
		return SpreadDefaults{}
	}
	defaults := s.spread[framework.ProfileName()][when]
	if len(defaults.Constraints) == 0 {
		return SpreadDefaults{}
	}
	core, apps := s.informers.Core().V1(), s.informers.Apps().V1()
	selector := helper.DefaultSelector(pod, core.Services().Lister(), core.ReplicationControllers().Lister(), apps.ReplicaSets().Lister(), apps.StatefulSets().Lister())
	if selector.Empty() {
		return SpreadDefaults{}
	}
	selects, err := metav1.ParseToLabelSelector(selector.String())
	if err != nil {
		return SpreadDefaults{} // selectors of objects in a cluster can be read
	}
	own := SpreadDefaults{Alone: defaults.Alone}
	for _, c := range defaults.Constraints {
		c.LabelSelector = selects
		own.Constraints = append(own.Constraints, c)
	}
	return own
}
