package startup

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

// TrimInformers returns the registry with plugins that, besides, have the engine keep nodes, pods
// and workloads without what neither it nor a plugin of Stowage's reads: most of its memory. The engine
// gives its informers to plugins only, and does so before they start.
//
// Extenders get nodes and victims as the engine has them. Where there are some, all stays whole.
func TrimInformers(registry frameworkruntime.Registry) frameworkruntime.Registry {
	nodesAndPods := trimOnce(func(factory informers.SharedInformerFactory) []cache.SharedIndexInformer {
		return []cache.SharedIndexInformer{factory.Core().V1().Nodes().Informer(), factory.Core().V1().Pods().Informer()}
	})
	// Only this plugin reads Deployments: without it, they are not to be watched.
	workloads := trimOnce(func(factory informers.SharedInformerFactory) []cache.SharedIndexInformer {
		apps := factory.Apps().V1()
		return []cache.SharedIndexInformer{apps.Deployments().Informer(), apps.ReplicaSets().Informer(), apps.StatefulSets().Informer()}
	})
	trimming := frameworkruntime.Registry{}
	for plugin, factory := range registry {
		trimming[plugin] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			if err := nodesAndPods(handle); err != nil {
				return nil, err
			}
			if plugin == preemptiblenodes.Name {
				if err := workloads(handle); err != nil {
					return nil, err
				}
			}
			return factory(ctx, args, handle)
		}
	}
	return trimming
}

// trimOnce returns a function that trims informers the first time it is called, because an informer
// takes a transform before it starts only.
func trimOnce(of func(informers.SharedInformerFactory) []cache.SharedIndexInformer) func(fwk.Handle) error {
	var once sync.Once
	var failed error
	return func(handle fwk.Handle) error {
		once.Do(func() {
			if len(handle.Extenders()) > 0 {
				return
			}
			for _, informer := range of(handle.SharedInformerFactory()) {
				// It replaces the engine's own for pods.
				if err := informer.SetTransform(cluster.SchedulerTransform()); err != nil {
					failed = fmt.Errorf("trimming what informers keep: %w", err)
				}
			}
		})
		return failed
	}
}
