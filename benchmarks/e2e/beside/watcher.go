package beside

import (
	"context"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/kubelet"
)

// watcher follows the pods with a client of its own.
type watcher struct {
	mu   sync.Mutex
	pods map[types.UID]pod
}

// pod is what the watcher keeps of a pod.
type pod struct {
	scheduler, node string
	milliCPU        int64
	arrived         bool
	// For unplaced pods no node was found so far.
	unplaced, running, refused bool
}

// watch starts to follow a cluster, until ctx ends.
func watch(ctx context.Context, client kubernetes.Interface) (*watcher, error) {
	w := &watcher{pods: map[types.UID]pod{}}
	return w, follow.NodesAndPods(ctx, client, follow.Changes{Node: func(_, _ *corev1.Node) {}, Pod: w.see, Trim: trim})
}

func (w *watcher) see(_, is *corev1.Pod) {
	if is == nil {
		return // nobody deletes any
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods[is.UID] = pod{
		scheduler: is.Spec.SchedulerName, node: is.Spec.NodeName, milliCPU: is.Spec.Containers[0].Resources.Requests.Cpu().MilliValue(),
		arrived: is.Labels[roleLabel] == arriving, running: is.Status.Phase == corev1.PodRunning,
		refused: is.Status.Phase == corev1.PodFailed && strings.HasPrefix(is.Status.Reason, kubelet.ReasonPrefix),
		unplaced: slices.ContainsFunc(is.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
		}),
	}
}

// count returns what became of a scheduler's pods that arrived.
func (w *watcher) count(scheduler string) Count {
	var c Count
	w.each(func(p pod) {
		switch {
		case !p.arrived || p.scheduler != scheduler:
		case p.node == "":
			c.Unplaced++
		default:
			c.Placed++
			if p.refused {
				c.Refused++
			}
		}
	})
	return c
}

// running counts the pods that run.
func (w *watcher) running() int {
	return w.number(func(p pod) bool { return p.running })
}

// undecided counts the pods of which no scheduler has said what becomes of them.
func (w *watcher) undecided() int {
	return w.number(func(p pod) bool { return p.node == "" && !p.unplaced })
}

// settled says whether nodes have started or refused all pods that were placed on them. One
// that is to be refused may be seen to run before.
func (w *watcher) settled() bool {
	held := map[string]int64{}
	waiting := 0
	w.each(func(p pod) {
		switch {
		case p.node == "" || p.refused:
		case p.running:
			held[p.node] += p.milliCPU
		default:
			waiting++
		}
	})
	for _, milliCPU := range held {
		if milliCPU > nodeMilliCPU {
			return false
		}
	}
	return waiting == 0
}

func (w *watcher) number(is func(pod) bool) int {
	n := 0
	w.each(func(p pod) {
		if is(p) {
			n++
		}
	})
	return n
}

func (w *watcher) each(do func(pod)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.pods {
		do(p)
	}
}

// trim keeps of a pod what the watcher looks at.
func trim(obj any) (any, error) {
	o, is := obj.(*corev1.Pod)
	if !is {
		return obj, nil
	}
	trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: o.Namespace, Name: o.Name, UID: o.UID, Labels: o.Labels}}
	trimmed.Spec.NodeName, trimmed.Spec.SchedulerName, trimmed.Spec.Containers = o.Spec.NodeName, o.Spec.SchedulerName, o.Spec.Containers
	trimmed.Status.Phase, trimmed.Status.Reason, trimmed.Status.Conditions = o.Status.Phase, o.Status.Reason, o.Status.Conditions
	return trimmed, nil
}
