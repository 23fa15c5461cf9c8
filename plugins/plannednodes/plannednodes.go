// Package plannednodes makes pods follow an autoscaler's plan. Karpenter plans nodes for all
// pending pods and creates them at once. They become ready one after another. If pods fill
// the first nodes in the order in which they come, the proportions differ from the plan, so
// that some pods find no room in the end and Karpenter creates more nodes.
package plannednodes

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "PlannedNodes"
	// stateKey is the key in CycleState for the plans.
	stateKey = "PreFilter" + Name
	// requestsSignerName keys what this plugin reads of a pod in the pod's signature.
	requestsSignerName = "stowage.dev/" + Name + ".requests"
	// tolerance is how far the used fractions of planned cpu and memory may differ on a node
	// before a pod waits for other nodes. According to trials, one or two pods of another
	// shape are within it.
	tolerance = 0.2
	// mostHeld limits how many pods wait at a time, because each one makes the engine try
	// other pending pods.
	mostHeld = 100
	// ErrReason is the message for a pod that waits.
	ErrReason = "node would be filled in other proportions than the autoscaler planned, and the pod may fit better on planned nodes that are not ready yet"
)

var holds = metrics.NewCounter(&metrics.CounterOpts{
	Namespace: "stowage", Name: "planned_nodes_holds_total", StabilityLevel: metrics.ALPHA,
	Help: "Times that a pod with a suitable node was returned to the queue to wait for other nodes that the autoscaler had planned.",
})

var registerMetrics = sync.OnceFunc(func() { legacyregistry.MustRegister(holds) })

// PlannedNodes is a plugin that prefers nodes on which a pod fits the planned proportions,
// and makes pods wait for other planned nodes if there is no such node.
type PlannedNodes struct {
	handle fwk.Handle
	claims *claims
	held   *held
	changes.Reserver
}

var _ fwk.PreFilterPlugin = &PlannedNodes{}
var _ fwk.PreScorePlugin = &PlannedNodes{}
var _ fwk.ScorePlugin = &PlannedNodes{}
var _ fwk.ReservePlugin = &PlannedNodes{}
var _ fwk.PermitPlugin = &PlannedNodes{}
var _ fwk.EnqueueExtensions = &PlannedNodes{}
var _ fwk.SignPlugin = &PlannedNodes{}

// Name returns the name of the plugin.
func (pl *PlannedNodes) Name() string {
	return Name
}

// EventsToRegister registers no events, because the plugin activates the pods itself.
func (pl *PlannedNodes) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return nil, nil
}

// Permit admits the pod to its node, or returns it to the queue. Only here is the best node
// for the pod known. A filter would make the engine preempt other pods.
func (pl *PlannedNodes) Permit(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, node string) (*fwk.Status, time.Duration) {
	planned, coming := pl.claims.planOf(node)
	if !coming || scan.OfGroup(pod) {
		return nil, 0
	}
	info, err := pl.handle.SnapshotSharedLister().NodeInfos().Get(node)
	if err != nil {
		return nil, 0 // the node was deleted; binding will fail
	}
	if imbalance(planned, info, cluster.Requests(pod)) <= tolerance || !pl.held.add(pod) {
		return nil, 0
	}
	holds.Inc()
	return fwk.NewStatus(fwk.Unschedulable, ErrReason), 0
}

// New returns the plugin. It takes no arguments.
func New(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	if obj != nil {
		return nil, field.Forbidden(validation.ArgsPath(Name), "the plugin takes no arguments")
	}
	registerMetrics()
	claims, err := newClaims(ctx, handle.KubeConfig())
	if err != nil {
		return nil, err
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	start := func(f func(context.Context)) { go f(ctx) }
	return &PlannedNodes{
		handle: handle, claims: claims, held: &held{claims: claims, activate: handle.Activate, start: start}, Reserver: changes.Reserver{Feed: feed},
	}, nil
}
