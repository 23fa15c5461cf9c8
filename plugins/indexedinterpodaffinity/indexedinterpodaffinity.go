// Package indexedinterpodaffinity filters and scores nodes by inter-pod affinity, with
// incremental counts of pods.
package indexedinterpodaffinity

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	fwk "k8s.io/kube-scheduler/framework"
	schedulervalidation "k8s.io/kubernetes/pkg/scheduler/apis/config/validation"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/indexed"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
	"github.com/stowage-k8s/stowage/plugins/internal/topology"
)

// Name is the name of the plugin in the registry and in configurations.
const Name = "IndexedInterPodAffinity"

// IndexedInterPodAffinity is a plugin that replaces InterPodAffinity. It makes the same
// decisions, at a cost that does not grow with the number of pods.
type IndexedInterPodAffinity struct {
	*indexed.Plugin
}

var _ fwk.PreFilterPlugin = &IndexedInterPodAffinity{}
var _ fwk.PreFilterExtensions = &IndexedInterPodAffinity{}
var _ fwk.FilterPlugin = &IndexedInterPodAffinity{}
var _ fwk.ReservePlugin = &IndexedInterPodAffinity{}
var _ fwk.PreScorePlugin = &IndexedInterPodAffinity{}
var _ fwk.ScorePlugin = &IndexedInterPodAffinity{}
var _ fwk.ScoreExtensions = &IndexedInterPodAffinity{}
var _ fwk.EnqueueExtensions = &IndexedInterPodAffinity{}
var _ fwk.SignPlugin = &IndexedInterPodAffinity{}

// Name returns the name of the plugin.
func (pl *IndexedInterPodAffinity) Name() string {
	return Name
}

// index answers by affinity. A nil filter or scorer is to be a nil interface.
type index struct {
	*topology.Cluster
}

func (i index) Filter(pod *corev1.Pod) (indexed.Filter, error) {
	filter, err := i.AffinityFilter(pod)
	if filter == nil {
		return nil, err
	}
	return filter, err
}

func (i index) Scorer(pod *corev1.Pod, _ []fwk.NodeInfo) (indexed.Scorer, error) {
	scorer, err := i.AffinityScorer(pod)
	if scorer == nil {
		return nil, err
	}
	return scorer, err
}

func (i index) Part(pod *corev1.Pod, filter indexed.Filter) (scan.Part, error) {
	own, _ := filter.(*topology.AffinityFilter)
	return i.AffinityPart(pod, own)
}

// New returns the plugin for the given arguments, or an error that names the invalid
// argument.
func New(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	args, ok := obj.(*config.IndexedInterPodAffinityArgs)
	if !ok {
		return nil, fmt.Errorf("want the arguments of %s to be of type IndexedInterPodAffinityArgs, got %T", Name, obj)
	}
	if err := schedulervalidation.ValidateInterPodAffinityArgs(validation.ArgsPath(Name), &args.InterPodAffinityArgs); err != nil {
		return nil, err
	}
	upstream, err := interpodaffinity.New(ctx, &args.InterPodAffinityArgs, handle, feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate))
	if err != nil {
		return nil, err
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	cluster := topology.New(topology.Options{
		Feed:                               feed,
		Namespaces:                         handle.SharedInformerFactory().Core().V1().Namespaces().Lister(),
		HardPodAffinityWeight:              args.HardPodAffinityWeight,
		IgnorePreferredTermsOfExistingPods: args.IgnorePreferredTermsOfExistingPods,
	})
	return &IndexedInterPodAffinity{
		Plugin: indexed.New(Name, upstream.(*interpodaffinity.InterPodAffinity), index{cluster}, handle.SnapshotSharedLister(), feed),
	}, nil
}
