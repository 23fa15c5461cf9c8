// Package dedicatednodes scores nodes by their purpose, according to their taints and
// extended resources, so that pods avoid nodes that are reserved for others.
package dedicatednodes

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "DedicatedNodes"
	// preScoreStateKey is the key in CycleState to what PreScore computed for Score.
	preScoreStateKey = "PreScore" + Name
	// extendedResourcesSignerName keys, in the pod's signature, the scarce resources
	// that it requests.
	extendedResourcesSignerName = "stowage.dev/" + Name + ".extendedResources"
)

// DedicatedNodes is a score plugin that prefers nodes dedicated to the pod over general
// nodes, and general nodes over nodes dedicated to others.
type DedicatedNodes struct {
	weights      weights
	scarce       *scarceResources
	taintWeights taintWeights
	// comparisons reports whether tolerations may compare numbers.
	comparisons bool
	// horizon is the stay, in seconds, from which on it does not count as short.
	horizon float64
}

var _ fwk.PreFilterPlugin = &DedicatedNodes{}
var _ fwk.PreScorePlugin = &DedicatedNodes{}
var _ fwk.ScorePlugin = &DedicatedNodes{}
var _ fwk.ScoreExtensions = &DedicatedNodes{}
var _ fwk.SignPlugin = &DedicatedNodes{}

// Name returns the name of the plugin.
func (pl *DedicatedNodes) Name() string {
	return Name
}

// SignPod signs the pod by its tolerations and by which scarce resources it requests. The
// requested amounts do not matter.
func (pl *DedicatedNodes) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{
		{Key: fwk.TolerationsSignerName, Value: fwk.TolerationsSigner(pod)},
		{Key: extendedResourcesSignerName, Value: pl.scarce.requested(pod)},
	}, nil
}

// PreFilter reads the pod's tolerations and requests once for all nodes, and passes the
// scorer to a scan. It filters nothing.
func (pl *DedicatedNodes) PreFilter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	s := pl.newState(pod)
	state.Write(preScoreStateKey, s)
	scan.Write(state, Name, scan.Part{Scorer: scorer{s}})
	return nil, fwk.NewStatus(fwk.Skip)
}

// PreFilterExtensions returns nil, because there is no filter.
func (pl *DedicatedNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore skips pods for which all nodes get the same score.
func (pl *DedicatedNodes) PreScore(_ context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	s, err := pl.readState(state, pod)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if s.allAlike(nodes) {
		return fwk.NewStatus(fwk.Skip)
	}
	state.Write(preScoreStateKey, s)
	return nil
}

// Score returns how well the node's purpose matches the pod, with a higher resolution than
// node scores. NormalizeScore scales it.
func (pl *DedicatedNodes) Score(_ context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := pl.readState(state, pod)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	return s.rawScore(node), nil
}

// readState returns the state of PreFilter or PreScore, or computes it.
func (pl *DedicatedNodes) readState(state fwk.CycleState, pod *corev1.Pod) (*preScoreState, error) {
	return cycle.ReadOr(state, preScoreStateKey, func() (*preScoreState, error) { return pl.newState(pod), nil })
}

// ScoreExtensions returns the plugin itself.
func (pl *DedicatedNodes) ScoreExtensions() fwk.ScoreExtensions {
	return pl
}

// NormalizeScore scales the scores of all nodes to 0..MaxScore.
func (pl *DedicatedNodes) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	normalize(scores)
	return nil
}

// New returns the plugin for the given arguments, or an error that names the invalid
// argument.
func New(_ context.Context, obj runtime.Object, _ fwk.Handle) (fwk.Plugin, error) {
	args, ok := obj.(*config.DedicatedNodesArgs)
	if !ok {
		return nil, fmt.Errorf("want the arguments of %s to be of type DedicatedNodesArgs, got %T", Name, obj)
	}
	if err := validation.ValidateDedicatedNodesArgs(validation.ArgsPath(Name), args); err != nil {
		return nil, err
	}
	return &DedicatedNodes{
		weights:      newWeights(args.Weights),
		scarce:       newScarceResources(args.ScarceResources),
		taintWeights: newTaintWeights(args.PreferNoSchedule),
		comparisons:  feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate).EnableTaintTolerationComparisonOperators,
		horizon:      args.StayHorizon.Seconds(),
	}, nil
}
