// Package binpacking scores nodes by what a pod leaves free on them, so that pods fill nodes
// in use before empty nodes, and the remaining capacity is usable by other pods.
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

// BinPacking is a score plugin that prefers the nodes on which a pod leaves the least
// capacity unused.
type BinPacking struct {
	strategy  config.PackingStrategy
	resources []config.ResourceSpec
	emptyLast bool
	// census and lister are only used by Fragmentation.
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

// preScoreState is the state that Score needs for one pod.
type preScoreState struct {
	// demands are the resources that apply to the pod.
	demands []demand
	// unasked are the extended resources that the pod does not request.
	unasked []corev1.ResourceName
	// emptyLast reports whether a node without pods is used only if no other node fits.
	emptyLast bool
	rate      strategy
	// fragmentation is additional state of the strategy Fragmentation, nil for other
	// strategies. version is the version of its typical pods.
	fragmentation *fragmentation
	version       int64
}

// Clone returns the state itself, which is not modified after PreScore.
func (s *preScoreState) Clone() fwk.StateData {
	return s
}

// SignPod signs the pod by its requests for the resources to pack by: two pods with the same
// requests get the same scores. This includes Fragmentation, whose scores also depend on the
// pods in the cluster, but not on other properties of the pod. If the engine reuses scores
// for pods with the same signature, the typical pods are slightly outdated, as they are
// between two updates.
func (pl *BinPacking) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: requestsSignerName, Value: pl.requests(pod)}}, nil
}

// PreFilter passes the node's scorer to a scan. It filters nothing.
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

// PreFilterExtensions returns nil, because there is no filter.
func (pl *BinPacking) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore computes the pod's requests once for all nodes. It skips pods to which none of the
// resources apply.
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

// newState returns the pod's demands. An extended resource applies only to pods that request
// it. Other resources apply to all pods, because a pod without requests should also use a
// node in use rather than an empty one.
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

// Score returns how well the pod fits the node, with a higher resolution than node scores.
// NormalizeScore scales it.
func (pl *BinPacking) Score(_ context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := pl.readState(state, pod)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	return s.rawScore(node, s.emptyLast && scan.Empty(node)), nil
}

// readState returns the state of PreFilter or PreScore, or computes it.
func (pl *BinPacking) readState(state fwk.CycleState, pod *corev1.Pod) (*preScoreState, error) {
	return cycle.ReadOr(state, preScoreStateKey, func() (*preScoreState, error) { return pl.newState(pod) })
}

// ScoreExtensions returns the plugin itself.
func (pl *BinPacking) ScoreExtensions() fwk.ScoreExtensions {
	return pl
}

// NormalizeScore scales the scores of all nodes to 0..MaxScore.
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
	// The engine adds exactly this, including pod-level resources and overhead, to a node's
	// requested resources once the pod is assumed there.
	total := (&framework.PodInfo{Pod: pod}).CalculateResource().Resource
	requests := make([]int64, len(pl.resources))
	for i, spec := range pl.resources {
		requests[i] = request(total, corev1.ResourceName(spec.Name))
	}
	return requests
}

// New returns the plugin for the given arguments, or an error that names the invalid
// argument.
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
