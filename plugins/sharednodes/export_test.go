package sharednodes

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
)

// Land has the plugin's scheduler hear of pods that have got nodes, by the clock.
func Land(plugin fwk.Plugin, clock clock.PassiveClock, pods ...*corev1.Pod) {
	o := plugin.(*SharedNodes).others
	o.clock = clock
	for _, pod := range pods {
		o.land(pod)
	}
}
