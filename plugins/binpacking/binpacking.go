// Package binpacking scores nodes by what a pod would leave behind on them, so that
// pods fill nodes that are in use before they open empty ones, and what stays free
// is of use to others.
package binpacking

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "BinPacking"
	// preScoreStateKey is the key in CycleState to what PreScore computed for Score.
	preScoreStateKey = "PreScore" + Name
	// requestsSignerName keys what this plugin reads of a pod in the pod's signature.
	requestsSignerName = "stowage.dev/" + Name + ".requests"
)

// BinPacking is a score plugin that prefers the nodes on which a pod leaves least
// behind.
type BinPacking struct {
	strategy  config.PackingStrategy
	resources []config.ResourceSpec
	emptyLast bool
	// census and lister serve Fragmentation alone.
	census *census
	lister fwk.NodeInfoLister
	changes.Reserver
}

var _ fwk.PreFilterPlugin = &BinPacking{}
var _ fwk.ReservePlugin = &BinPacking{}
var _ fwk.PreScorePlugin = &BinPacking{}
var _ fwk.ScorePlugin = &BinPacking{}
var _ fwk.ScoreExtensions = &BinPacking{}
var _ fwk.SignPlugin = &BinPacking{}

// Name returns the name of the plugin.
func (pl *BinPacking) Name() string {
	return Name
}

// preScoreState is what scoring the nodes for one pod takes.
type preScoreState struct {
	// demands are the resources that apply to the pod.
	demands []demand
	// unasked are the extended resources that the pod does not request.
	unasked []corev1.ResourceName
	// emptyLast says that a node without pods is taken only if no other will do.
	emptyLast bool
	rate      strategy
	// fragmentation is what Fragmentation rates by besides, nil for other strategies, and
	// version that of its typical pods.
	fragmentation *fragmentation
	version       int64
}

// Clone returns the state itself: nothing changes it after PreScore.
func (s *preScoreState) Clone() fwk.StateData {
	return s
}

// SignPod signs the pod by what it requests of the resources to pack by: two pods
// that request the same get the same scores. That holds for Fragmentation too: its
// scores depend on the pods in the cluster besides, but those are no property of the
// pod. Where the engine keeps scores for the next pods with the same signature, typical
// pods are those of a moment ago, as they are between two renewals anyway.
func (pl *BinPacking) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: requestsSignerName, Value: pl.requests(pod)}}, nil
}

// PreFilter says in a scan how the node's score comes about. It filters nothing.
func (pl *BinPacking) PreFilter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	s, err := pl.newState(pod)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	var part scan.Part
	if len(s.demands) > 0 {
		state.Write(preScoreStateKey, s)
		part.Scorer = scorer{s}
	}
	scan.Write(state, Name, part)
	return nil, fwk.NewStatus(fwk.Skip)
}

// PreFilterExtensions returns nothing: there is no filter.
func (pl *BinPacking) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore works out what the pod requests, once for all nodes. A pod to which
// none of the resources apply is left to other plugins.
func (pl *BinPacking) PreScore(_ context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	s, err := pl.readState(state, pod)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if len(s.demands) == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	state.Write(preScoreStateKey, s)
	return nil
}

// newState returns the pod's demands. An extended resource applies to pods that
// request it. The others apply to every pod: one that requests nothing still
// belongs on a node that is in use, not on an empty one.
func (pl *BinPacking) newState(pod *corev1.Pod) (*preScoreState, error) {
	s := &preScoreState{emptyLast: pl.emptyLast}
	var all []demand
	for i, request := range pl.requests(pod) {
		spec := pl.resources[i]
		d := demand{resource: corev1.ResourceName(spec.Name), request: request, weight: float64(spec.Weight), ceiling: float64(spec.Ceiling) / 100}
		all = append(all, d)
		if request == 0 && extended(d.resource) {
			s.unasked = append(s.unasked, d.resource)
			continue
		}
		s.demands = append(s.demands, d)
	}
	switch pl.strategy {
	case config.DotProduct:
		s.rate = dotProduct
	case config.Fragmentation:
		nodes, err := pl.lister.List()
		if err != nil {
			return nil, fmt.Errorf("listing nodes: %w", err)
		}
		f := &fragmentation{demands: all, weight: growthFirst}
		if pl.emptyLast {
			f.weight = growthWithFewNodes
		}
		f.typical, f.averages, s.version = pl.census.look(nodes)
		f.atStake = f.stakes()
		s.rate, s.fragmentation = dotProduct, f
	default:
		s.rate = bestFit
	}
	return s, nil
}

// Score returns how well the pod fits the node, finer than a node score can tell:
// NormalizeScore brings it into range.
func (pl *BinPacking) Score(_ context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := pl.readState(state, pod)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	return s.rawScore(node, s.emptyLast && scan.Empty(node)), nil
}

// readState returns what PreFilter or PreScore has left, or works it out.
func (pl *BinPacking) readState(state fwk.CycleState, pod *corev1.Pod) (*preScoreState, error) {
	return cycle.ReadOr(state, preScoreStateKey, func() (*preScoreState, error) { return pl.newState(pod) })
}

// ScoreExtensions returns the plugin itself.
func (pl *BinPacking) ScoreExtensions() fwk.ScoreExtensions {
	return pl
}

// NormalizeScore brings the scores of all nodes into 0..MaxScore.
func (pl *BinPacking) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	raw := make([]int64, len(scores))
	for i, score := range scores {
		raw[i] = score.Score
	}
	normalize(raw)
	for i := range scores {
		scores[i].Score = raw[i]
	}
	return nil
}

// requests returns what the pod requests of each of the plugin's resources, in
// the engine's units: millicores for cpu, bytes or a count for the rest.
func (pl *BinPacking) requests(pod *corev1.Pod) []int64 {
	// The engine adds exactly this to a node's requested resources once the pod
	// is assumed there, pod-level resources and overhead included.
	total := (&framework.PodInfo{Pod: pod}).CalculateResource().Resource
	requests := make([]int64, len(pl.resources))
	for i, spec := range pl.resources {
		requests[i] = request(total, corev1.ResourceName(spec.Name))
	}
	return requests
}

// New returns the plugin for the given arguments, or an error that names the
// argument that is wrong.
func New(_ context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	args, ok := obj.(*config.BinPackingArgs)
	if !ok {
		return nil, fmt.Errorf("want the arguments of %s to be of type BinPackingArgs, got %T", Name, obj)
	}
	if err := validation.ValidateBinPackingArgs(validation.ArgsPath(Name), args); err != nil {
		return nil, err
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	pl := &BinPacking{strategy: args.Strategy, resources: args.Resources, emptyLast: args.EmptyNodes == config.LastResort, Reserver: changes.Reserver{Feed: feed}}
	if args.Strategy == config.Fragmentation {
		pl.census = sharedCensus(feed, args.Resources, args.TypicalPods)
		pl.lister = handle.SnapshotSharedLister().NodeInfos()
	}
	return pl, nil
}
