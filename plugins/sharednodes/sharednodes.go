// Package sharednodes is for nodes on which another scheduler also places pods. Each
// scheduler sees the other's decisions only after binding, so both may use the same room on a
// node, which then rejects one of the pods. This package reduces the number of rejections,
// and reports them.
package sharednodes

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "SharedNodes"
	// stateKey is the key in CycleState for the outlook.
	stateKey = "PreFilter" + Name
	// requestsSignerName keys what this plugin reads of a pod in the pod's signature.
	requestsSignerName = "stowage.dev/" + Name + ".requests"
)

// SharedNodes is a plugin that leaves some room on nodes that another scheduler is filling.
type SharedNodes struct {
	others   *others
	refusals *refusals
	changes.Reserver
}

var _ fwk.PreFilterPlugin = &SharedNodes{}
var _ fwk.PreScorePlugin = &SharedNodes{}
var _ fwk.ScorePlugin = &SharedNodes{}
var _ fwk.ReservePlugin = &SharedNodes{}
var _ fwk.PostBindPlugin = &SharedNodes{}
var _ fwk.SignPlugin = &SharedNodes{}

// Name returns the name of the plugin.
func (pl *SharedNodes) Name() string {
	return Name
}

// SignPod signs the pod by its requests, because nothing else is used.
func (pl *SharedNodes) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: requestsSignerName, Value: cluster.Requests(pod)}}, nil
}

// PreFilter reads recent bindings of other schedulers. It filters nothing: if there is no
// other room, the pod uses the room that is left for others.
func (pl *SharedNodes) PreFilter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pl.Feed.Update(nodes)
	var part scan.Part
	if o := pl.others.look(); o.packing {
		s := &scorer{outlook: o, requests: cluster.Requests(pod)}
		state.Write(stateKey, s)
		part.Scorer = s
	}
	scan.Write(state, Name, part)
	return nil, fwk.NewStatus(fwk.Skip)
}

// PreFilterExtensions returns nil, because there is no filter.
func (pl *SharedNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore skips the pod if no room has to be left for others.
func (pl *SharedNodes) PreScore(_ context.Context, state fwk.CycleState, _ *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	if _, err := cycle.Read[*scorer](state, stateKey); err != nil {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// Score returns how much of the distance would remain on the node.
func (pl *SharedNodes) Score(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := cycle.Read[*scorer](state, stateKey)
	if err != nil {
		return fwk.MaxScore, nil // no state if enabled only for Score
	}
	return s.score(node), nil
}

// ScoreExtensions returns nil, because scores are in range.
func (pl *SharedNodes) ScoreExtensions() fwk.ScoreExtensions {
	return nil
}

// Reserve notes the time at which the node was chosen.
func (pl *SharedNodes) Reserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	pl.others.decide(pod.UID)
	return pl.Reserver.Reserve(ctx, state, pod, node)
}

// Unreserve notes that the pod will not be bound.
func (pl *SharedNodes) Unreserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) {
	pl.others.undecide(pod.UID)
	pl.Reserver.Unreserve(ctx, state, pod, node)
}

// PostBind notes that the pod was bound here, so that a rejection is counted here.
func (pl *SharedNodes) PostBind(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) {
	pl.refusals.bound(pod)
}

// New returns the plugin. It takes no arguments.
func New(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	if obj != nil {
		return nil, field.Forbidden(validation.ArgsPath(Name), "the plugin takes no arguments")
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	o := changes.Shared(feed, "", newOthers)
	if err := o.beside(handle); err != nil {
		return nil, err
	}
	return &SharedNodes{others: o, refusals: newRefusals(ctx, handle), Reserver: changes.Reserver{Feed: feed}}, nil
}
