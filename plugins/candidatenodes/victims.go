package candidatenodes

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	kubefeatures "k8s.io/kubernetes/pkg/features"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// priorities knows the lowest priority of the pods on each node.
type priorities struct {
	lowest []int32 // by slot
}

var _ changes.Subscriber = &priorities{}

func (p *priorities) Changed(slot int, node fwk.NodeInfo) {
	for slot >= len(p.lowest) {
		p.lowest = append(p.lowest, math.MaxInt32)
	}
	p.lowest[slot] = math.MaxInt32
	for _, pod := range node.GetPods() {
		p.lowest[slot] = min(p.lowest[slot], v1helper.PodPriority(pod.GetPod()))
	}
}

func (p *priorities) Gone(int, string) {}

// spares says whether no pod on the node has a lower priority. What is not known yet, it denies.
func (p *priorities) spares(slot int, priority int32) bool {
	return slot < len(p.lowest) && p.lowest[slot] >= priority
}

// futile says whether preemption cannot help, as no node that refuses the pod for want of room has a pod
// of a lower priority, and what DefaultPreemption would say after it had tried each node.
func (u *unfit) futile(pod *corev1.Pod) (message string, is bool) {
	s := u.search
	priorities := changes.Shared(s.Feed, "", func() *priorities { return &priorities{} })
	switch {
	case !s.profile.preemptsByDefault || utilfeature.DefaultFeatureGate.Enabled(kubefeatures.GenericWorkload):
		return "", false
	case pod.Status.NominatedNodeName != "" || pod.Spec.PreemptionPolicy != nil && *pod.Spec.PreemptionPolicy == corev1.PreemptNever:
		return "", false // it says something else, and needs no tries for it
	}
	priority := v1helper.PodPriority(pod)
	spared, others := 0, 0
	for _, g := range u.groups {
		if g.status.Code() != fwk.Unschedulable {
			others += g.count
			continue
		}
		spared += g.count
		for _, state := range g.states {
			for _, slot := range state.Slots {
				if !s.marks.has(int(slot)) && !priorities.spares(int(slot), priority) {
					return "", false
				}
			}
		}
		for _, slot := range slices.Concat(g.slots, []int{g.slot}) {
			if !priorities.spares(slot, priority) {
				return "", false
			}
		}
	}
	var reasons []string
	if spared > 0 {
		reasons = append(reasons, fmt.Sprintf("%d No preemption victims found for incoming pod", spared))
	}
	if others > 0 {
		reasons = append(reasons, fmt.Sprintf("%d Preemption is not helpful for scheduling", others))
	}
	slices.Sort(reasons)
	return fmt.Sprintf("preemption: 0/%d nodes are available: %s.", spared+others, strings.Join(reasons, ", ")), true
}
