package startup

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
	fwk "k8s.io/kube-scheduler/framework"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TrimInformers returns the registry with plugins that, besides, have the engine keep nodes and
// pods without what neither it nor a plugin of Stowage's reads: most of its memory. The engine
// gives its informers to plugins only, and does so before they start.
//
// Extenders get nodes and victims as the engine has them. Where there are some, all stays whole.
func TrimInformers(registry frameworkruntime.Registry) frameworkruntime.Registry {
	var once sync.Once
	var failed error
	trimming := frameworkruntime.Registry{}
	for plugin, factory := range registry {
		trimming[plugin] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
			once.Do(func() { failed = trimInformers(handle) })
			if failed != nil {
				return nil, failed
			}
			return factory(ctx, args, handle)
		}
	}
	return trimming
}

func trimInformers(handle fwk.Handle) error {
	if len(handle.Extenders()) > 0 {
		return nil
	}
	core := handle.SharedInformerFactory().Core().V1()
	for _, informer := range []cache.SharedIndexInformer{core.Nodes().Informer(), core.Pods().Informer()} {
		// It replaces the engine's own for pods.
		if err := informer.SetTransform(cluster.SchedulerTransform()); err != nil {
			return fmt.Errorf("trimming what informers keep: %w", err)
		}
	}
	return nil
}
