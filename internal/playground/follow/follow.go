// Package follow reports changes of the nodes and pods of a cluster.
package follow

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// Changes are called with the old and the new object: the old one is nil for a new object,
// the new one for a deleted object. Calls for nodes are sequential, and so are calls for
// pods; a call for a node and one for a pod may be concurrent.
type Changes struct {
	Node func(was, is *corev1.Node)
	Pod  func(was, is *corev1.Pod)
	// Trim removes unused fields of an object, because there may be very many.
	Trim cache.TransformFunc
}

// NodesAndPods calls the functions until ctx ends. It returns after the calls for all
// existing objects.
func NodesAndPods(ctx context.Context, client kubernetes.Interface, changes Changes) error {
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(changes.Trim))
	nodes, nodesErr := factory.Core().V1().Nodes().Informer().AddEventHandler(handler(changes.Node))
	pods, podsErr := factory.Core().V1().Pods().Informer().AddEventHandler(handler(changes.Pod))
	if err := errors.Join(nodesErr, podsErr); err != nil {
		return fmt.Errorf("watching nodes and pods: %w", err)
	}
	factory.Start(ctx.Done())
	// Wait for the handlers, because those are behind the informers.
	if !cache.WaitForCacheSync(ctx.Done(), nodes.HasSynced, pods.HasSynced) {
		return fmt.Errorf("watching nodes and pods: %w", context.Cause(ctx))
	}
	return nil
}

func handler[T any](change func(was, is *T)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(is any) { change(nil, is.(*T)) },
		UpdateFunc: func(was, is any) { change(was.(*T), is.(*T)) },
		DeleteFunc: func(was any) {
			if gone, ok := was.(cache.DeletedFinalStateUnknown); ok {
				was = gone.Obj
			}
			change(was.(*T), nil)
		},
	}
}
