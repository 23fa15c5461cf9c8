package harness

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

const (
	// RoundRobinName is the name of the plugin in profiles.
	RoundRobinName = "RoundRobin"
	// FitsNowhereLabel is on pods that no node has room for. RoundRobin would not know.
	FitsNowhereLabel = "fits-nowhere"
)

// roundRobin sends each pod to the node after that of the pod before, without looking at
// either. As the only plugin of a profile, beside the queue's order and the one that asks
// the API server to bind, it is the least that scheduling can cost.
type roundRobin struct{ placed int }

var _ fwk.PreFilterPlugin = &roundRobin{}

// Name returns the name of the plugin.
func (*roundRobin) Name() string { return RoundRobinName }

// PreFilter chooses the node.
func (r *roundRobin) PreFilter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if _, nowhere := pod.Labels[FitsNowhereLabel]; nowhere || len(nodes) == 0 {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "no node fits")
	}
	node := nodes[r.placed%len(nodes)].Node().Name
	r.placed++
	return &fwk.PreFilterResult{NodeNames: sets.New(node)}, nil
}

// PreFilterExtensions returns nil: nothing is kept of a pod.
func (*roundRobin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Register makes the plugin known to a scheduler.
func Register(registry frameworkruntime.Registry) error {
	return registry.Register(RoundRobinName, func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return &roundRobin{}, nil })
}
