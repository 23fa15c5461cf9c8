package preemptiblenodes

import (
	"context"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	fwk "k8s.io/kube-scheduler/framework"
)

// blindPods is how many pods wait for a limit that an autoscaler does not see.
var blindPods = metrics.NewGauge(&metrics.GaugeOpts{
	Subsystem:      "stowage",
	Name:           "autoscaler_blind_pods",
	Help:           "Pending pods that only a limit on preemptible nodes keeps off a node, in a cluster with an autoscaler that cannot see the limit.",
	StabilityLevel: metrics.ALPHA,
})

var registerBlindPods = sync.OnceFunc(func() { legacyregistry.MustRegister(blindPods) })

// blindReason is that of the event.
const blindReason = "AutoscalerBlind"

// blind are the pods that wait for a limit that stands nowhere in their specs, where an autoscaler
// looks: it takes the node that refuses them for the right one, and makes no other.
type blind struct {
	mu   sync.Mutex
	pods map[types.UID]bool
}

func newBlind() *blind {
	registerBlindPods()
	return &blind{pods: map[types.UID]bool{}}
}

// add says whether the pod is new among them.
func (b *blind) add(pod types.UID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pods[pod] {
		return false
	}
	b.pods[pod] = true
	blindPods.Inc()
	return true
}

func (b *blind) remove(pod types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pods[pod] {
		delete(b.pods, pod)
		blindPods.Dec()
	}
}

// PostFilter finds pods that a limit alone keeps off a node, where an autoscaler is at work. It runs
// when no node takes the pod, and leaves it at that.
func (pl *PreemptibleNodes) PostFilter(_ context.Context, cycleState fwk.CycleState, pod *corev1.Pod, statuses fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	s, err := readState(cycleState)
	if err != nil || !s.filters() || !pl.alarm.hasAutoscaler() || !pl.limitAlone(statuses) {
		pl.blind.remove(pod.UID)
		return nil, fwk.NewStatus(fwk.Unschedulable)
	}
	if pl.blind.add(pod.UID) {
		pl.recorder.Eventf(pod, nil, corev1.EventTypeWarning, blindReason, "Scheduling",
			"A node has room, but the workload's limit on preemptible nodes excludes it. The cluster's autoscaler cannot see the limit and may not create another node: "+
				"apply config/scheduler/autoscaler (before Kubernetes 1.36: config/scheduler/autoscaler/webhook), which writes limits into new pods, and recreate the workload's pods")
	}
	return nil, fwk.NewStatus(fwk.Unschedulable)
}

// limitAlone says whether a node takes the pod but for a limit: filters run in order, and this
// plugin's comes after the engine's own.
func (pl *PreemptibleNodes) limitAlone(statuses fwk.NodeToStatusReader) bool {
	nodes, err := pl.lister.NodeInfos().List()
	return err == nil && slices.ContainsFunc(nodes, func(node fwk.NodeInfo) bool {
		switch statuses.Get(node.Node().Name).Message() {
		case ErrReasonCap, ErrReasonPreemptible, ErrReasonOnDemand:
			return true
		}
		return false
	})
}
