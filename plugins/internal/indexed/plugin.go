// Package indexed makes a plugin of the engine decide from incremental counts instead of
// iterating over the cluster's pods for each pod. It delegates everything that the counts do
// not cover to the engine's plugin: hypothetical pods, pod groups, pods with a node, events,
// and errors.
package indexed

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// Upstream is a plugin of the engine whose decisions depend on the location of pods.
type Upstream interface {
	fwk.PreFilterPlugin
	fwk.PreFilterExtensions
	fwk.FilterPlugin
	fwk.PreScorePlugin
	fwk.ScorePlugin
	fwk.ScoreExtensions
	fwk.EnqueueExtensions
	fwk.SignPlugin
}

// Index provides the answers of the engine's plugin from counts. What it returns about a pod
// is valid until the next Look.
type Index interface {
	// Look updates the counts from the snapshot's nodes.
	Look(nodes []fwk.NodeInfo)
	// Filter returns which nodes may take the pod; nil, if all may.
	Filter(pod *corev1.Pod) (Filter, error)
	// Scorer returns the scorer for the nodes that fit the pod; nil if the plugin does not
	// score the pod.
	Scorer(pod *corev1.Pod, feasible []fwk.NodeInfo) (Scorer, error)
	// Part returns the part for a scan. The filter is the pod's.
	Part(pod *corev1.Pod, filter Filter) (scan.Part, error)
}

// Filter filters nodes for a pod.
type Filter interface {
	// Feasible returns success if the node fits, or the reason why it does not.
	Feasible(node fwk.NodeInfo) *fwk.Status
}

// Scorer scores nodes for a pod.
type Scorer interface {
	// Score returns the node's score before it is normalized.
	Score(node fwk.NodeInfo) int64
	// Normalize scales the scores of all nodes that fit the pod to 0..MaxScore.
	Normalize(scores fwk.NodeScoreList)
}

// Plugin makes the decisions of the engine's plugin. It implements everything except the
// name: plugins embed it.
type Plugin struct {
	upstream Upstream
	index    Index
	snapshot fwk.SharedLister
	changes.Reserver
	name string
	// filterKey and scoreKey are the keys in CycleState for the results of PreFilter and
	// PreScore.
	filterKey, scoreKey fwk.StateKey
}

// New returns the common part of the plugin with that name. The index is updated from the
// feed.
func New(name string, upstream Upstream, index Index, snapshot fwk.SharedLister, feed *changes.Feed) *Plugin {
	return &Plugin{
		upstream: upstream, index: index, snapshot: snapshot, Reserver: changes.Reserver{Feed: feed}, name: name,
		filterKey: fwk.StateKey("PreFilter" + name), scoreKey: fwk.StateKey("PreScore" + name),
	}
}

// EventsToRegister returns the events of the engine's plugin.
func (pl *Plugin) EventsToRegister(ctx context.Context) ([]fwk.ClusterEventWithHint, error) {
	return pl.upstream.EventsToRegister(ctx)
}

// SignPod signs the pod as the engine's plugin does.
func (pl *Plugin) SignPod(ctx context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return pl.upstream.SignPod(ctx, pod)
}

// covers reports whether the counts apply to the pod. A pod with a node is itself counted,
// and is only scheduled to make room for its resize.
func covers(pod *corev1.Pod) bool {
	return !scan.OfGroup(pod) && pod.Spec.NodeName == ""
}

// PreFilter determines which nodes fit the pod.
func (pl *Plugin) PreFilter(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if covers(pod) {
		pl.index.Look(nodes)
		// On an error, the engine's plugin returns its own message.
		if filter, err := pl.index.Filter(pod); err == nil {
			cycleState.Write(pl.filterKey, &filterState{filter: filter, upstream: pl.lazily(ctx, pod, nodes)})
			if part, err := pl.index.Part(pod, filter); err == nil {
				scan.Write(cycleState, pl.name, part)
			}
			if filter == nil {
				return nil, fwk.NewStatus(fwk.Skip)
			}
			return nil, nil
		}
	}
	own := framework.NewCycleState()
	result, status := pl.upstream.PreFilter(ctx, own, pod, nodes)
	cycleState.Write(pl.filterKey, &filterState{own: own})
	return result, status
}

// lazily returns a function that runs the engine's PreFilter for the pod on its first call.
// It uses the context of PreFilter, because that of a caller is cancelled as soon as enough
// nodes are found, but the result is shared.
func (pl *Plugin) lazily(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo) func() (fwk.CycleState, *fwk.Status) {
	return sync.OnceValues(func() (fwk.CycleState, *fwk.Status) {
		state := framework.NewCycleState()
		_, status := pl.upstream.PreFilter(ctx, state, pod, nodes)
		return state, status
	})
}

// PreFilterExtensions returns the plugin itself.
func (pl *Plugin) PreFilterExtensions() fwk.PreFilterExtensions {
	return pl
}

// AddPod counts a hypothetical pod on the node.
func (pl *Plugin) AddPod(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	own, status := pl.changed(cycleState)
	if own == nil {
		return status
	}
	return pl.upstream.AddPod(ctx, own, pod, added, node)
}

// RemovePod subtracts a pod that would be removed from the node.
func (pl *Plugin) RemovePod(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	own, status := pl.changed(cycleState)
	if own == nil {
		return status
	}
	return pl.upstream.RemovePod(ctx, own, pod, removed, node)
}

// changed returns the state of the engine's plugin for modification. From then on, this state
// is used. It is nil if that plugin skips the pod.
func (pl *Plugin) changed(cycleState fwk.CycleState) (fwk.CycleState, *fwk.Status) {
	s, err := cycle.Read[*filterState](cycleState, pl.filterKey)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if s.own == nil {
		found, status := s.upstream()
		switch {
		case status.IsSkip():
			// The result was different at the start of the cycle, or this would not be
			// called: a Namespace or Service has changed since. The earlier result remains
			// valid.
			return nil, nil
		case !status.IsSuccess():
			return nil, status
		}
		s.own = found.Clone()
	}
	return s.own, nil
}

// Filter reports whether the node fits the pod.
func (pl *Plugin) Filter(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	s, err := cycle.Read[*filterState](cycleState, pl.filterKey)
	switch {
	case err != nil:
		return fwk.AsStatus(err)
	case s.own != nil:
		return pl.upstream.Filter(ctx, s.own, pod, node)
	case s.filter == nil:
		return nil
	}
	return s.filter.Feasible(node)
}

// PreScore determines how to score the nodes that fit the pod.
func (pl *Plugin) PreScore(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	if covers(pod) {
		if err := pl.lookIfNotYet(cycleState); err != nil {
			return fwk.AsStatus(err)
		}
		if scorer, err := pl.index.Scorer(pod, nodes); err == nil {
			if scorer == nil {
				return fwk.NewStatus(fwk.Skip)
			}
			cycleState.Write(pl.scoreKey, &scoreState{scorer: scorer})
			return nil
		}
	}
	own := framework.NewCycleState()
	status := pl.upstream.PreScore(ctx, own, pod, nodes)
	cycleState.Write(pl.scoreKey, &scoreState{own: own})
	return status
}

// lookIfNotYet updates the counts if PreFilter has not, because a profile may enable the
// plugin only for scores.
func (pl *Plugin) lookIfNotYet(cycleState fwk.CycleState) error {
	if _, err := cycleState.Read(pl.filterKey); err == nil {
		return nil
	}
	nodes, err := pl.snapshot.NodeInfos().List()
	if err != nil {
		return err
	}
	pl.index.Look(nodes)
	return nil
}

// Score returns the node's score, to be normalized.
func (pl *Plugin) Score(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := cycle.Read[*scoreState](cycleState, pl.scoreKey)
	switch {
	case err != nil:
		return 0, fwk.AsStatus(err)
	case s.own != nil:
		return pl.upstream.Score(ctx, s.own, pod, node)
	}
	return s.scorer.Score(node), nil
}

// ScoreExtensions returns the plugin itself.
func (pl *Plugin) ScoreExtensions() fwk.ScoreExtensions {
	return pl
}

// NormalizeScore scales the scores of all nodes to 0..MaxScore.
func (pl *Plugin) NormalizeScore(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	s, err := cycle.Read[*scoreState](cycleState, pl.scoreKey)
	switch {
	case err != nil:
		return fwk.AsStatus(err)
	case s.own != nil:
		return pl.upstream.NormalizeScore(ctx, s.own, pod, scores)
	}
	s.scorer.Normalize(scores)
	return nil
}
