// Package indexedpodtopologyspread filters and scores nodes by topology spread constraints,
// with incremental counts of pods.
package indexedpodtopologyspread

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulervalidation "k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/indexed"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
	"github.com/stowage-k8s/stowage/plugins/internal/topology"
)

// Name is the name of the plugin in the registry and in configurations.
const Name = "IndexedPodTopologySpread"

// IndexedPodTopologySpread is a plugin that replaces PodTopologySpread. It makes the same
// decisions, at a cost that does not grow with the number of pods.
type IndexedPodTopologySpread struct {
	*indexed.Plugin
}

var _ fwk.PreFilterPlugin = &IndexedPodTopologySpread{}
var _ fwk.PreFilterExtensions = &IndexedPodTopologySpread{}
var _ fwk.FilterPlugin = &IndexedPodTopologySpread{}
var _ fwk.ReservePlugin = &IndexedPodTopologySpread{}
var _ fwk.PreScorePlugin = &IndexedPodTopologySpread{}
var _ fwk.ScorePlugin = &IndexedPodTopologySpread{}
var _ fwk.ScoreExtensions = &IndexedPodTopologySpread{}
var _ fwk.EnqueueExtensions = &IndexedPodTopologySpread{}
var _ fwk.SignPlugin = &IndexedPodTopologySpread{}

// Name returns the name of the plugin.
func (pl *IndexedPodTopologySpread) Name() string {
	return Name
}

// index answers by topology spread. A nil filter or scorer is to be a nil interface.
type index struct {
	*topology.Cluster
}

func (i index) Filter(pod *corev1.Pod) (indexed.Filter, error) {
	filter, err := i.SpreadFilter(pod)
	if filter == nil {
		return nil, err
	}
	return filter, err
}

func (i index) Scorer(pod *corev1.Pod, feasible []fwk.NodeInfo) (indexed.Scorer, error) {
	scorer, err := i.SpreadScorer(pod, feasible)
	if scorer == nil {
		return nil, err
	}
	return scorer, err
}

func (i index) Part(pod *corev1.Pod, filter indexed.Filter) (scan.Part, error) {
	own, _ := filter.(*topology.SpreadFilter)
	return i.SpreadPart(pod, own)
}

// New returns the plugin for the given arguments, or an error that names the invalid
// argument.
func New(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	args, ok := obj.(*config.IndexedPodTopologySpreadArgs)
	if !ok {
		return nil, fmt.Errorf("want the arguments of %s to be of type IndexedPodTopologySpreadArgs, got %T", Name, obj)
	}
	if err := schedulervalidation.ValidatePodTopologySpreadArgs(validation.ArgsPath(Name), &args.PodTopologySpreadArgs); err != nil {
		return nil, err
	}
	features := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	upstream, err := podtopologyspread.New(ctx, &args.PodTopologySpreadArgs, handle, features)
	if err != nil {
		return nil, err
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	opts := topology.Options{
		Feed:                  feed,
		DefaultConstraints:    args.DefaultConstraints,
		SystemDefaulted:       args.DefaultingType == schedulerconfig.SystemDefaulting,
		IgnoreMatchLabelKeys:  !features.EnableMatchLabelKeysInPodTopologySpread,
		TolerationComparisons: features.EnableTaintTolerationComparisonOperators,
	}
	// Without default constraints, these objects do not have to be watched.
	if opts.SystemDefaulted || len(opts.DefaultConstraints) > 0 {
		opts.DefaultSelector = defaultSelector(handle.SharedInformerFactory())
	}
	return &IndexedPodTopologySpread{
		Plugin: indexed.New(Name, upstream.(*podtopologyspread.PodTopologySpread), index{topology.New(opts)}, handle.SnapshotSharedLister(), feed),
	}, nil
}

// defaultSelector returns a function that selects the pods for default constraints: those of
// the pod's Services and controller. It requests the listers now, because that starts their
// informers.
func defaultSelector(factory informers.SharedInformerFactory) func(*corev1.Pod) labels.Selector {
	core, apps := factory.Core().V1(), factory.Apps().V1()
	services, controllers := core.Services().Lister(), core.ReplicationControllers().Lister()
	replicaSets, statefulSets := apps.ReplicaSets().Lister(), apps.StatefulSets().Lister()
	return func(pod *corev1.Pod) labels.Selector {
		return helper.DefaultSelector(pod, services, controllers, replicaSets, statefulSets)
	}
}
