// Package plannednodes has pods keep to what an autoscaler has planned. Karpenter plans nodes for
// all pods that wait, and makes them at once. They get usable one after the other, and pods that
// take the first ones as they come fill these in other proportions than planned, so that in the
// end some pods find no room, and Karpenter makes nodes more.
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
	// stateKey is the key in CycleState to what is planned.
	stateKey = "PreFilter" + Name
	// requestsSignerName keys what this plugin reads of a pod in the pod's signature.
	requestsSignerName = "stowage.dev/" + Name + ".requests"
	// tolerance is how far apart the parts of the planned cpu and memory may get that are used on
	// a node, before a pod waits for others. By trials: a pod or two of another shape are within it.
	tolerance = 0.2
	// mostHeld is how many pods wait at a time. Each that is held has the engine look at other
	// pods that wait.
	mostHeld = 100
	// ErrReason is what a pod that waits is told.
	ErrReason = "node would be filled in other proportions than the autoscaler planned, and the pod may fit better on planned nodes that are not ready yet"
)

var holds = metrics.NewCounter(&metrics.CounterOpts{
	Namespace: "stowage", Name: "planned_nodes_holds_total", StabilityLevel: metrics.ALPHA,
	Help: "Times that a pod with a suitable node was returned to the queue to wait for other nodes that the autoscaler had planned.",
})

var registerMetrics = sync.OnceFunc(func() { legacyregistry.MustRegister(holds) })

// PlannedNodes is a plugin that prefers nodes where a pod keeps to the proportions that were
// planned, and has pods wait for nodes on their way where none of those that are ready is such.
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

// EventsToRegister names none: the plugin has pods tried again itself.
func (pl *PlannedNodes) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return nil, nil
}

// Permit lets the pod have its node, or puts it back. Only here is the node known that is best for
// the pod. A filter would have the engine evict other pods to make room elsewhere.
func (pl *PlannedNodes) Permit(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, node string) (*fwk.Status, time.Duration) {
	planned, coming := pl.claims.planOf(node)
	if !coming || scan.OfGroup(pod) {
		return nil, 0
	}
	info, err := pl.handle.SnapshotSharedLister().NodeInfos().Get(node)
	if err != nil {
		return nil, 0 // it is gone; binding will tell
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
