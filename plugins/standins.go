package plugins

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
)

// StandIns returns the plugins that decide the same as upstream's at a lower cost, under
// the names of these. In a simulation of a profile that has upstream's they take their
// places, arguments included.
func StandIns() frameworkruntime.Registry {
	return frameworkruntime.Registry{
		names.InterPodAffinity: func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			args, is := obj.(*schedulerconfig.InterPodAffinityArgs)
			if !is {
				return nil, fmt.Errorf("want the arguments of %s, got a %T", names.InterPodAffinity, obj)
			}
			plugin, err := indexedinterpodaffinity.New(ctx, &config.IndexedInterPodAffinityArgs{InterPodAffinityArgs: *args}, handle)
			if err != nil {
				return nil, err
			}
			return interPodAffinity{plugin.(*indexedinterpodaffinity.IndexedInterPodAffinity)}, nil
		},
		names.PodTopologySpread: func(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			args, is := obj.(*schedulerconfig.PodTopologySpreadArgs)
			if !is {
				return nil, fmt.Errorf("want the arguments of %s, got a %T", names.PodTopologySpread, obj)
			}
			plugin, err := indexedpodtopologyspread.New(ctx, &config.IndexedPodTopologySpreadArgs{PodTopologySpreadArgs: *args}, handle)
			if err != nil {
				return nil, err
			}
			return podTopologySpread{plugin.(*indexedpodtopologyspread.IndexedPodTopologySpread)}, nil
		},
	}
}

type interPodAffinity struct {
	*indexedinterpodaffinity.IndexedInterPodAffinity
}

// Name returns the name of the plugin that it stands in for.
func (interPodAffinity) Name() string { return names.InterPodAffinity }

type podTopologySpread struct {
	*indexedpodtopologyspread.IndexedPodTopologySpread
}

// Name returns the name of the plugin that it stands in for.
func (podTopologySpread) Name() string { return names.PodTopologySpread }
