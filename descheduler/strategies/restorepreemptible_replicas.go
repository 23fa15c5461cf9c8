package strategies

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// restoreReplicas knows where the replicas of all workloads are. It is kept in sync with the
// state while the strategy runs, so that nothing must be counted again for each possible node.
type restoreReplicas struct {
	state       *strategy.State // nil when the strategy has ended
	preemptible strategy.Preemptible
	workloads   []*restoreWorkload
	byPod       map[types.UID]*restoreWorkload
}

// restoreWorkload is a workload whose replicas may be moved.
type restoreWorkload struct {
	*strategy.Workload
	// pods are its replicas that are on nodes and will last.
	pods []*corev1.Pod
	// wants are what its pods want, which differs while templates do.
	wants map[types.UID]strategy.PreemptibleWant
	// onPreemptible counts the replicas on nodes that the scheduler of that name takes
	// for preemptible.
	onPreemptible map[string]int
}

// newRestoreReplicas reads all pods of the state. It ignores workloads with a pod whose policy
// is unknown.
func newRestoreReplicas(state *strategy.State, preemptible strategy.Preemptible) *restoreReplicas {
	r := &restoreReplicas{state: state, preemptible: preemptible, byPod: map[types.UID]*restoreWorkload{}}
	byUID := map[types.UID]*restoreWorkload{}
	var all []*restoreWorkload
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			workload := state.Workload(pod)
			if !restoreLasts(pod) || !restorable(workload) {
				continue
			}
			w := byUID[workload.UID]
			if w == nil {
				w = &restoreWorkload{Workload: workload}
				byUID[workload.UID] = w
				all = append(all, w)
			}
			w.pods = append(w.pods, pod)
		}
	}
	for _, w := range all {
		if r.resolve(w) == nil {
			r.workloads = append(r.workloads, w)
		}
	}
	return r
}

// restorable says whether pods of the workload may be moved, and would be replaced.
func restorable(workload *strategy.Workload) bool {
	return workload != nil && workload.GroupKind() != cluster.DaemonSetKind && workload.GroupKind() != cluster.JobKind
}

// restoreLasts says whether the pod is a replica that counts, as the scheduler's plugin
// sees it.
func restoreLasts(pod *corev1.Pod) bool {
	return !cluster.Leaving(pod) && cluster.Holds(pod)
}

// resolve finds out what the pods of a workload want.
func (r *restoreReplicas) resolve(w *restoreWorkload) error {
	w.wants = make(map[types.UID]strategy.PreemptibleWant, len(w.pods))
	for _, pod := range w.pods {
		want, err := r.preemptible.Want(pod, restoreDesired(w.Workload, len(w.pods)))
		if err != nil {
			return err
		}
		w.wants[pod.UID] = want
		r.byPod[pod.UID] = w
	}
	r.recount(w)
	return nil
}

// restoreDesired returns the desired replicas of a workload that has so many. Where only
// its controller knows, it wants those that it has.
func restoreDesired(w *strategy.Workload, has int) int {
	if w.Desired < 0 {
		return has
	}
	return w.Desired
}

func (r *restoreReplicas) recount(w *restoreWorkload) {
	w.onPreemptible = map[string]int{}
	for _, pod := range w.pods {
		scheduler := pod.Spec.SchedulerName
		if _, counted := w.onPreemptible[scheduler]; !counted {
			w.onPreemptible[scheduler] = restoreOnPreemptible(r.state, r.preemptible, scheduler, w.pods)
		}
	}
}

// restoreOnPreemptible counts the pods on nodes that the scheduler takes for preemptible.
func restoreOnPreemptible(state *strategy.State, preemptible strategy.Preemptible, scheduler string, pods []*corev1.Pod) int {
	count := 0
	for _, pod := range pods {
		if is, _ := preemptible.Node(scheduler, state.Node(pod.Spec.NodeName).Node); is {
			count++
		}
	}
	return count
}

// restorePodsOf returns the replicas of a workload that are to stay.
func restorePodsOf(state *strategy.State, workload *strategy.Workload) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, pod := range state.Replicas(workload) {
		if restoreLasts(pod) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// of returns the workload of a pod, if this is still known for that state.
func (r *restoreReplicas) of(state *strategy.State, pod *corev1.Pod) *restoreWorkload {
	if r.state != state {
		return nil
	}
	return r.byPod[pod.UID]
}

// others returns how many replicas but this one are on preemptible nodes.
func (r *restoreReplicas) others(w *restoreWorkload, pod *corev1.Pod) int {
	others := w.onPreemptible[pod.Spec.SchedulerName]
	if preemptible, _ := r.node(pod); preemptible {
		others--
	}
	return others
}

func (r *restoreReplicas) node(pod *corev1.Pod) (preemptible, notified bool) {
	return r.preemptible.Node(pod.Spec.SchedulerName, r.state.Node(pod.Spec.NodeName).Node)
}

// fault returns how wrong the pod's place is.
func (r *restoreReplicas) fault(w *restoreWorkload, pod *corev1.Pod) restoreFault {
	preemptible, notified := r.node(pod)
	return restoreFaultOf(w.wants[pod.UID], r.others(w, pod), preemptible, notified)
}

// reason says what is wrong with the pod's node: the most important reason.
func (r *restoreReplicas) reason(w *restoreWorkload, pod *corev1.Pod) string {
	want, node := w.wants[pod.UID], pod.Spec.NodeName
	preemptible, notified := r.node(pod)
	on := w.onPreemptible[pod.Spec.SchedulerName]
	switch {
	case notified:
		return fmt.Sprintf("node %s is about to be removed", node)
	case want.Mode == strategy.PreemptibleNever:
		return fmt.Sprintf("node %s is preemptible, which the policy of %s forbids", node, w)
	case want.Mode == strategy.PreemptibleRequire:
		return fmt.Sprintf("node %s is not preemptible, which the policy of %s requires", node, w)
	case preemptible:
		return fmt.Sprintf("%s has %s on preemptible nodes, and its policy allows %d", w, report.Count(on, "replica"), want.Max)
	case want.Max == strategy.PreemptibleUnlimited:
		return fmt.Sprintf("%s prefers preemptible nodes, and node %s is not preemptible", w, node)
	}
	return fmt.Sprintf("%s prefers preemptible nodes, and has %d of at most %d replicas there", w, on, want.Max)
}

// move notes that a replica has moved.
func (r *restoreReplicas) move(w *restoreWorkload, pod *corev1.Pod, to *strategy.Node) {
	replacement := to.Pods[len(to.Pods)-1] // where the state puts it
	i := slices.Index(w.pods, pod)
	w.pods[i] = replacement
	w.wants[replacement.UID] = w.wants[pod.UID]
	r.byPod[replacement.UID] = w
	r.recount(w)
}

// close has objectives count for themselves from now on: the state will change.
func (r *restoreReplicas) close() {
	r.state = nil
}
