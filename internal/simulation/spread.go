package simulation

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// SpreadDefaults are a scheduler's topology spread constraints for pods without their own.
type SpreadDefaults struct {
	// Constraints select the pods that count for this one.
	Constraints []corev1.TopologySpreadConstraint
	// Alone means that a node counts for each constraint whose label it has. Otherwise it
	// only counts if it has all labels, as with a pod's own constraints.
	Alone bool
}

// systemSpread are the engine's default constraints.
var systemSpread = []corev1.TopologySpreadConstraint{
	{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 3},
	{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 5},
}

// spreadArgs is implemented by the arguments of plugins that replace PodTopologySpread.
type spreadArgs interface {
	SpreadArgs() *schedulerconfig.PodTopologySpreadArgs
}

// spreadDefaultsOf returns the default constraints of a profile: hard ones from the plugin
// that filters by spread, soft ones from the plugin that scores by it.
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

// spreadArgsOf returns the arguments of a plugin if it handles spread constraints.
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
			c.MatchLabelKeys = nil // as in the engine: the selector contains everything
			defaults.Constraints = append(defaults.Constraints, c)
		}
	}
	return defaults
}

// SpreadDefaults returns the default constraints of the pod's scheduler, hard or soft ones.
// There are none for a pod that has its own constraints, or that neither a Service nor a
// controller selects.
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
		return SpreadDefaults{} // selectors of objects in a cluster are valid
	}
	own := SpreadDefaults{Alone: defaults.Alone}
	for _, c := range defaults.Constraints {
		c.LabelSelector = selects
		own.Constraints = append(own.Constraints, c)
	}
	return own
}
