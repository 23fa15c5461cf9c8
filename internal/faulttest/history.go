// Package faulttest runs the project's programs against an API server that fails, records what
// happens in the cluster, and checks what must hold whatever fails.
package faulttest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
)

// Event is a change of an object, or its state at the beginning.
type Event struct {
	// At is when it was seen, soon after it happened.
	At time.Time
	// Version is the resource version, which orders the changes of all objects.
	Version uint64
	Gone    bool
	// One of these is set. They are not modified.
	Pod    *corev1.Pod
	Node   *corev1.Node
	Budget *policyv1.PodDisruptionBudget
}

// History is what happened, in order.
type History []Event

// Recorder watches a cluster directly, not through what fails.
type Recorder struct {
	mu     sync.Mutex
	events History
	stops  []func()
	done   sync.WaitGroup
}

// Record starts recording nodes, and pods and budgets of a namespace.
func Record(ctx context.Context, client kubernetes.Interface, namespace string) (*Recorder, error) {
	r := &Recorder{}
	lists := map[string]cache.WatcherWithContext{
		"pods": &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return client.CoreV1().Pods(namespace).Watch(ctx, o)
			},
		},
		"nodes": &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return client.CoreV1().Nodes().Watch(ctx, o)
			},
		},
		"budgets": &cache.ListWatch{
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				return client.PolicyV1().PodDisruptionBudgets(namespace).Watch(ctx, o)
			},
		},
	}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	budgets, err := client.PolicyV1().PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	pods, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	for i := range nodes.Items {
		r.add(&nodes.Items[i], false)
	}
	for i := range budgets.Items {
		r.add(&budgets.Items[i], false)
	}
	for i := range pods.Items {
		r.add(&pods.Items[i], false)
	}
	from := map[string]string{"pods": pods.ResourceVersion, "nodes": nodes.ResourceVersion, "budgets": budgets.ResourceVersion}
	for kind, list := range lists {
		w, err := toolswatch.NewRetryWatcherWithContext(ctx, from[kind], list)
		if err != nil {
			r.Stop()
			return nil, fmt.Errorf("recording %s: %w", kind, err)
		}
		r.stops = append(r.stops, w.Stop)
		r.done.Go(func() {
			for e := range w.ResultChan() {
				if e.Type == watch.Added || e.Type == watch.Modified || e.Type == watch.Deleted {
					r.add(e.Object, e.Type == watch.Deleted)
				}
			}
		})
	}
	return r, nil
}

func (r *Recorder) add(object runtime.Object, gone bool) {
	e := Event{At: time.Now(), Gone: gone}
	e.Pod, _ = object.(*corev1.Pod)
	e.Node, _ = object.(*corev1.Node)
	e.Budget, _ = object.(*policyv1.PodDisruptionBudget)
	if m, ok := object.(metav1.Object); ok {
		e.Version, _ = strconv.ParseUint(m.GetResourceVersion(), 10, 64)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Stop ends recording, and returns the history.
func (r *Recorder) Stop() History {
	for _, stop := range r.stops {
		stop()
	}
	r.done.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.events, func(a, b Event) int {
		switch {
		case a.Version < b.Version:
			return -1
		case a.Version > b.Version:
			return 1
		}
		return 0
	})
	return r.events
}
