package playgroundtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
)

// Lowest watches the selected pods until the test ends, and returns what says how few of them were
// ready at a time, since all were.
func Lowest(t *testing.T, client kubernetes.Interface, all int, selects func(*corev1.Pod) bool) func() int64 {
	t.Helper()
	ready := map[types.UID]bool{}
	var least atomic.Int64
	least.Store(int64(all))
	started := false
	err := follow.NodesAndPods(t.Context(), client, follow.Changes{
		Node: func(_, _ *corev1.Node) {},
		Pod: func(was, is *corev1.Pod) {
			switch {
			case is != nil && selects(is) && podutil.IsPodReady(is) && is.DeletionTimestamp == nil:
				ready[is.UID] = true
			case is != nil:
				delete(ready, is.UID)
			default:
				delete(ready, was.UID)
			}
			started = started || len(ready) == all
			if n := int64(len(ready)); started && n < least.Load() {
				least.Store(n)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return least.Load
}

// LeastReady counts the ready pods of each app of the namespace, by their label app, with a watch of its
// own. It returns a function that ends that, and fails the test where there were fewer than said at any
// time. Those that are there at first count as ready.
func LeastReady(t *testing.T, client kubernetes.Interface, namespace string) func(least map[string]int) {
	t.Helper()
	list, err := client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ready := map[types.UID]string{}
	lowest := map[string]int{}
	count := func() map[string]int {
		n := map[string]int{}
		for _, app := range ready {
			n[app]++
		}
		return n
	}
	for i := range list.Items {
		ready[list.Items[i].UID] = list.Items[i].Labels["app"]
	}
	for app, n := range count() {
		lowest[app] = n
	}
	ctx, cancel := context.WithCancel(t.Context())
	events, err := client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for e := range events.ResultChan() {
			p, is := e.Object.(*corev1.Pod)
			if !is {
				if ctx.Err() == nil {
					t.Errorf("the watch ended with %v", e.Object)
				}
				return
			}
			delete(ready, p.UID)
			if e.Type != "DELETED" && p.DeletionTimestamp == nil && podutil.IsPodReady(p) {
				ready[p.UID] = p.Labels["app"]
			}
			now := count()
			for app := range lowest {
				lowest[app] = min(lowest[app], now[app])
			}
		}
	})
	return func(least map[string]int) {
		t.Helper()
		cancel()
		events.Stop()
		all.Wait()
		for app, n := range least {
			if lowest[app] < n {
				t.Errorf("%s had %d ready pods at a time, want %d at least", app, lowest[app], n)
			}
		}
	}
}
