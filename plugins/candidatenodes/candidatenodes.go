// Package candidatenodes finds the best node for a pod from the common properties of groups
// of nodes, and makes the engine consider only that node. It does not change decisions: the
// node is the one that the profile would choose if it considered all nodes. If the plugin
// cannot determine it, the engine considers all nodes.
package candidatenodes

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	schedulermetrics "k8s.io/kubernetes/pkg/scheduler/metrics"

	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "CandidateNodes"
	// stateKey is the key in CycleState to the node that was chosen.
	stateKey = Name
)

// refused counts chosen nodes that a filter then rejected.
var refused = metrics.NewCounter(&metrics.CounterOpts{
	Namespace: "stowage", Name: "candidate_nodes_refused_total", StabilityLevel: metrics.ALPHA,
	Help: "Nodes that CandidateNodes chose and a filter then rejected. Each one costs another attempt, which considers all nodes. This is a bug: please report it.",
})

// pods counts attempts by whether a node was chosen.
var pods = metrics.NewCounterVec(&metrics.CounterOpts{
	Namespace: "stowage", Name: "candidate_nodes_pods_total", StabilityLevel: metrics.ALPHA,
	Help: "Attempts to place a pod, by result: CandidateNodes chose the node (chosen), found no node with room (none), or left the pod to the engine (left).",
}, []string{"result"})

var registerMetrics = sync.OnceFunc(func() {
	legacyregistry.MustRegister(refused, pods)
	for _, result := range []string{resultChosen, resultNone, resultLeft} {
		pods.WithLabelValues(result) // present from the start, for alerts
	}
})

// CandidateNodes is a plugin that restricts filters and scores to one node.
type CandidateNodes struct {
	changes.Reserver
	framework   framework.Framework
	table       *nodetable.Table
	nominations *nominations
	storage     *storage

	mu      sync.Mutex // guards what follows: a cycle is one after the other
	profile *profile
	memory  memory
	marks   marks
	statics statics
	// individual is nil until a pod needs it.
	individual *individual
	items      []item       // for reuse
	groups     []scan.Group // for reuse
	// distrusted are pods whose chosen node was rejected: their next attempt considers all
	// nodes.
	distrusted sets.Set[types.UID]
}

var _ fwk.PreFilterPlugin = &CandidateNodes{}
var _ fwk.PostFilterPlugin = &CandidateNodes{}
var _ fwk.ReservePlugin = &CandidateNodes{}
var _ fwk.EnqueueExtensions = &CandidateNodes{}

// Name returns the name of the plugin.
func (pl *CandidateNodes) Name() string {
	return Name
}

// chosen is the node that was chosen in a cycle.
type chosen struct {
	node string
}

// Clone returns the same: nothing changes it.
func (c *chosen) Clone() fwk.StateData {
	return c
}

// PreFilter returns the best node, or Skip if the engine must consider all nodes.
func (pl *CandidateNodes) PreFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if probing(ctx) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	pl.mu.Lock()
	defer pl.mu.Unlock()
	node, result, s := pl.choose(ctx, state, pod, nodes)
	pods.WithLabelValues(result).Inc()
	switch result {
	case resultChosen:
		state.Write(stateKey, &chosen{node})
		return &fwk.PreFilterResult{NodeNames: sets.New(node)}, nil
	case resultNone:
		// PostFilter must complete what the engine is told.
		if u := s.newUnfit(); u != nil && !state.ShouldSkipAllPostFilterPlugins() {
			state.Write(stateKey, u)
			return &fwk.PreFilterResult{NodeNames: u.nodes()}, nil
		}
	}
	return nil, fwk.NewStatus(fwk.Skip)
}

// PreFilterExtensions returns nil, because there is no filter.
func (pl *CandidateNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PostFilter runs if no node fits. It tells the engine about the nodes that it did not evaluate. If a
// node had been chosen for the pod, or one answers differently than expected, this is a bug: the pod
// is then retried with all nodes after its backoff, and no pods are preempted for it before that.
func (pl *CandidateNodes) PostFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, statuses fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	pl.mu.Lock()
	defer pl.mu.Unlock()
	data, _ := state.Read(stateKey)
	wrong := ""
	switch told := data.(type) {
	case *chosen:
		wrong = told.node
	case *unfit:
		all, ok := statuses.(*framework.NodeToStatus)
		if !ok {
			break
		}
		if wrong = told.complete(all); wrong != "" {
			break
		}
		if message, futile := told.futile(pod); futile {
			schedulermetrics.PreemptionAttempts.Inc()
			return framework.NewPostFilterResultWithNominatedNode(""), fwk.NewStatus(fwk.UnschedulableAndUnresolvable, message)
		}
	}
	pl.nominations.expect(pod.UID)
	if wrong == "" {
		return nil, fwk.NewStatus(fwk.Unschedulable)
	}
	pl.distrust(ctx, pod, wrong, statuses.Get(wrong).Message())
	pl.framework.Activate(klog.FromContext(ctx), map[string]*corev1.Pod{string(pod.UID): pod})
	return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the pod is retried with all nodes")
}

// distrust makes the next attempt for the pod consider all nodes, because one did not answer as
// expected. The lock must be held.
func (pl *CandidateNodes) distrust(ctx context.Context, pod *corev1.Pod, node, reason string) {
	refused.Inc()
	klog.FromContext(ctx).Error(nil, "A node answered differently than CandidateNodes expected; the next attempt considers all nodes", "pod", klog.KObj(pod), "node", node, "reason", reason)
	pl.distrusted.Insert(pod.UID)
	pl.memory = memory{} // it may be what was remembered
	if pl.individual != nil {
		clear(pl.individual.answers)
	}
}

// EventsToRegister returns none: the nodes that this plugin leaves out are rejected by others, whose events count.
func (pl *CandidateNodes) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return nil, nil
}

// Reserve records that the pod is on the node. If no node was expected to fit, this is a bug.
func (pl *CandidateNodes) Reserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	if data, err := state.Read(stateKey); err == nil {
		if _, is := data.(*unfit); is {
			pl.mu.Lock()
			defer pl.mu.Unlock()
			pl.distrust(ctx, pod, node, "the pod fits")
		}
	}
	return pl.Reserver.Reserve(ctx, state, pod, node)
}

// New returns the plugin. It takes no arguments.
func New(_ context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	if obj != nil {
		return nil, field.Forbidden(validation.ArgsPath(Name), "the plugin takes no arguments")
	}
	engine, ok := handle.(framework.Framework)
	if !ok {
		return nil, fmt.Errorf("%s requires the framework of kube-scheduler, got a %T", Name, handle)
	}
	registerMetrics()
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	nominations, err := newNominations(handle)
	if err != nil {
		return nil, err
	}
	storage, err := newStorage(handle.SharedInformerFactory())
	if err != nil {
		return nil, err
	}
	return &CandidateNodes{
		Reserver:    changes.Reserver{Feed: feed},
		framework:   engine,
		table:       nodetable.Of(feed),
		nominations: nominations,
		storage:     storage,
		distrusted:  sets.New[types.UID](),
	}, nil
}
