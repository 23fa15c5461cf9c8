package chaos

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/observe"
)

// pod is what the watcher keeps of a pod.
type pod struct {
	namespace string
	labels    map[string]string
	// healthy pods are Ready and not on their way out, and pending ones have no node.
	healthy, pending, leaving, evicted bool
}

// load is a workload that the watcher looks at.
type load struct {
	Workload
	pods, ready, pending int
	// floor is how few were ready at the worst since counting began.
	floor int
	// waiting are the pods that were lost and not replaced, the first lost first.
	waiting []lost
}

// lost is a pod that ceased to be healthy.
type lost struct {
	uid types.UID
	at  time.Time
}

// standing is how a workload is at a moment: how many pods are ready, how many that were
// lost wait for a replacement, and how few were ready at the worst.
type standing struct{ ready, waiting, floor int }

// standings says how each workload is.
func (w *watcher) standings() map[string]standing {
	all := map[string]standing{}
	for _, l := range w.loads {
		all[l.key()] = standing{ready: l.ready, waiting: len(l.waiting), floor: l.floor}
	}
	return all
}

// count adds a pod to what its workload has, or takes it off.
func (w *watcher) count(p pod, sign int) {
	l := w.loadOf(p)
	if l == nil {
		return
	}
	l.pods += sign
	if p.healthy {
		l.ready += sign
	}
	if p.pending {
		l.pending += sign
	}
}

func (w *watcher) loadOf(p pod) *load {
	return w.loads[types.NamespacedName{Namespace: p.namespace, Name: p.labels[appLabel]}]
}

// expected is how many pods a budget's workloads want.
func (w *watcher) expected(b *budget) int {
	n := 0
	for _, l := range w.loads {
		if b.covers(l.Namespace, l.labels()) {
			n += l.Replicas
		}
	}
	return n
}

// settled counts the workloads that have what they want, where nothing is on its way, and
// says for how long nothing has changed.
func (w *watcher) settled() (settled, all int, quiet time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.loads {
		all++
		if l.pods == l.Replicas && (l.ready == l.Replicas || l.NeverReady && l.pending == 0) {
			settled++
		}
	}
	return settled, all, w.now().Sub(w.changed)
}

func stateOf(p *corev1.Pod) pod {
	return pod{
		namespace: p.Namespace, labels: p.Labels,
		healthy: observe.Available(p), evicted: observe.Evicted(p), leaving: p.DeletionTimestamp != nil,
		pending: p.DeletionTimestamp == nil && p.Spec.NodeName == "",
	}
}
