package audit

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// limitUnseen finds limits on preemptible nodes that do not stand in the pods, in clusters whose
// nodes an autoscaler makes and takes away by what stands there.
func limitUnseen(v *View) {
	if len(v.Nodes) == 0 {
		v.Unknown(nowhere)
		return
	}
	if !slices.ContainsFunc(v.Nodes, cluster.Autoscaled) {
		return
	}
	for _, w := range v.Workloads {
		said, err := preemptible.ParseAnnotations(w.Annotations)
		if err != nil || !w.serves() {
			continue
		}
		if unseen := v.unseen(w, said); unseen > 0 {
			v.Report(w, fmt.Sprintf("its limit on preemptible nodes is not written into %d of its pods, so an autoscaler does not see it: it may create nodes that they cannot use, or move them to such nodes", unseen),
				"apply config/scheduler/autoscaler (before Kubernetes 1.36 its folder webhook), and restart it")
		}
	}
}

// unseen returns how many of the workload's pods say less of preemptible nodes than it does.
func (v *View) unseen(w *Workload, said preemptible.Statement) int {
	count := func(decided func(*corev1.PodSpec) bool) (undecided int) {
		for _, pod := range w.Pods {
			if !decided(&pod.Spec) {
				undecided++
			}
		}
		return undecided
	}
	said.Hard = true
	policy := preemptible.Resolve(said)
	switch policy.Mode {
	case preemptible.Never:
		return count(v.preemptible.KeepsOff)
	case preemptible.Require:
		return count(v.preemptible.Confines)
	}
	desired := w.Replicas
	if desired < 0 {
		desired = len(w.Pods)
	}
	limit, _ := policy.Caps(desired)
	return count(v.preemptible.KeepsOff) - limit
}
