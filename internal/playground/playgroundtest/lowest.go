package playgroundtest

import (
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
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
