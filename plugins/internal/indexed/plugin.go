// Package indexed has a plugin of the engine decide from counts that are kept up to
// date, where it would go through the cluster's pods itself for every pod to be
// placed. What the counts do not cover is left to the engine's plugin: pods that are
// there only in thought, pod groups, pods that have a node, events, and whatever goes
// wrong.
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

// Upstream is a plugin of the engine that goes by which pods are where.
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

// Index answers from counts what the engine's plugin answers. What it returns about
// a pod is good until the next Look.
type Index interface {
	// Look brings the counts up to date with the snapshot's nodes.
	Look(nodes []fwk.NodeInfo)
	// Filter returns which nodes may take the pod; nil, if all may.
	Filter(pod *corev1.Pod) (Filter, error)
	// Scorer returns how to score the nodes that take the pod; nil, if there is
	// nothing to say.
	Scorer(pod *corev1.Pod, feasible []fwk.NodeInfo) (Scorer, error)
	// Part returns what there is to say in a scan. The filter is the pod's.
	Part(pod *corev1.Pod, filter Filter) (scan.Part, error)
}

// Filter says which nodes may take a pod.
type Filter interface {
	// Feasible returns success if the node may, or why not.
	Feasible(node fwk.NodeInfo) *fwk.Status
}

// Scorer scores nodes for a pod.
type Scorer interface {
	// Score returns the node's score before it is normalized.
	Score(node fwk.NodeInfo) int64
	// Normalize brings the scores of all nodes that take the pod into 0..MaxScore.
	Normalize(scores fwk.NodeScoreList)
}

// Plugin decides what the engine's plugin decides. It has all of a plugin but what it
// is called: plugins embed it.
type Plugin struct {
	upstream Upstream
	index    Index
	snapshot fwk.SharedLister
	changes.Reserver
	name string
	// filterKey and scoreKey are the keys in CycleState to what PreFilter and PreScore
	// have found out.
	filterKey, scoreKey fwk.StateKey
}

// New returns the part that plugins have in common, for the plugin of that name.
// The index follows the feed.
func New(name string, upstream Upstream, index Index, snapshot fwk.SharedLister, feed *changes.Feed) *Plugin {
	return &Plugin{
		upstream: upstream, index: index, snapshot: snapshot, Reserver: changes.Reserver{Feed: feed}, name: name,
		filterKey: fwk.StateKey("PreFilter" + name), scoreKey: fwk.StateKey("PreScore" + name),
	}
}

// EventsToRegister returns what the engine's plugin waits for.
func (pl *Plugin) EventsToRegister(ctx context.Context) ([]fwk.ClusterEventWithHint, error) {
	return pl.upstream.EventsToRegister(ctx)
}

// SignPod signs the pod as the engine's plugin does.
func (pl *Plugin) SignPod(ctx context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return pl.upstream.SignPod(ctx, pod)
}

// covers says whether the counts answer for the pod. One that has a node is among those
// that are counted, and comes back only to have room made for its resize.
func covers(pod *corev1.Pod) bool {
	return !scan.OfGroup(pod) && pod.Spec.NodeName == ""
}

// PreFilter finds out which nodes may take the pod.
func (pl *Plugin) PreFilter(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if covers(pod) {
		pl.index.Look(nodes)
		// On an error, the engine's plugin says in its own words what is wrong.
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

// lazily returns what returns, when it is first asked, what the engine's plugin finds
// out about the pod. It goes by the context of PreFilter: whoever asks is told to stop
// as soon as enough nodes are found, but the answer is for all that ask later.
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

// AddPod counts a pod that would be on the node.
func (pl *Plugin) AddPod(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	own, status := pl.changed(cycleState)
	if own == nil {
		return status
	}
	return pl.upstream.AddPod(ctx, own, pod, added, node)
}

// RemovePod counts a pod out that would no longer be on the node.
func (pl *Plugin) RemovePod(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	own, status := pl.changed(cycleState)
	if own == nil {
		return status
	}
	return pl.upstream.RemovePod(ctx, own, pod, removed, node)
}

// changed returns the state of the engine's plugin to be changed, which from here on
// is what counts. It is nil if that plugin has nothing to say about the pod.
func (pl *Plugin) changed(cycleState fwk.CycleState) (fwk.CycleState, *fwk.Status) {
	s, err := cycle.Read[*filterState](cycleState, pl.filterKey)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if s.own == nil {
		found, status := s.upstream()
		switch {
		case status.IsSkip():
			// It was different when the cycle began, or this would not have been asked: a
			// namespace or a service has changed meanwhile. What was found then stands.
			return nil, nil
		case !status.IsSuccess():
			return nil, status
		}
		s.own = found.Clone()
	}
	return s.own, nil
}

// Filter says whether the node may take the pod.
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

// PreScore finds out how to score the nodes that take the pod.
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

// lookIfNotYet brings the counts up to date unless PreFilter has: a profile may
// enable the plugin for scores alone.
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

// NormalizeScore brings the scores of all nodes into 0..MaxScore.
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
