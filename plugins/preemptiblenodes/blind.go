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

// blindPods counts pods that wait for a limit that the autoscaler cannot see.
var blindPods = metrics.NewGauge(&metrics.GaugeOpts{
	Subsystem:      "stowage",
	Name:           "autoscaler_blind_pods",
	Help:           "Pending pods that only a limit on preemptible nodes keeps off a node, in a cluster with an autoscaler that cannot see the limit.",
	StabilityLevel: metrics.ALPHA,
})

var registerBlindPods = sync.OnceFunc(func() { legacyregistry.MustRegister(blindPods) })

// blindReason is the reason of the event.
const blindReason = "AutoscalerBlind"

// blind are the pods that wait for a limit that is not part of their specs. An autoscaler
// assumes that they fit the node that rejects them, and creates no other node.
type blind struct {
	mu   sync.Mutex
	pods map[types.UID]bool
}

func newBlind() *blind {
	registerBlindPods()
	return &blind{pods: map[types.UID]bool{}}
}

// add adds the pod, and reports whether it is new.
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

// PostFilter finds pods that only a limit keeps off a node, in a cluster with an autoscaler.
// It runs if no node fits, and makes no room.
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

// limitAlone reports whether a node would fit if there were no limit: filters run in order,
// and this plugin's runs after those of the engine.
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
