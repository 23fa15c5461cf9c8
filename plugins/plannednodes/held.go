package plannednodes

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// period is the interval at which waiting pods are checked.
const period = time.Second

// held are the pods that wait for nodes that are not ready yet.
type held struct {
	claims   *claims
	activate func(klog.Logger, map[string]*corev1.Pod)
	// start runs a function in the background for the lifetime of the plugin.
	start func(func(context.Context))

	mu sync.Mutex
	// pods is nil if no pods wait and no goroutine checks them.
	pods map[string]*corev1.Pod
	seen int64 // the number of changes of claims that all of them have seen
}

// add makes the pod wait, unless too many do. It is retried when a node has become ready, or
// there is nothing left to wait for.
func (h *held) add(pod *corev1.Pod) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pods) >= mostHeld {
		return false
	}
	if h.pods == nil {
		h.pods, h.seen = map[string]*corev1.Pod{}, h.claims.changes.Load()
		h.start(h.look)
	}
	h.pods[klog.KObj(pod).String()] = pod
	return true
}

// look retries pods until none wait.
func (h *held) look(ctx context.Context) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !h.release(klog.FromContext(ctx)) {
			return
		}
	}
}

// release retries the pods if there is a reason to, and reports whether any are still
// waiting.
func (h *held) release(logger klog.Logger) bool {
	h.mu.Lock()
	pods, changes := h.pods, h.claims.changes.Load()
	if changes == h.seen && h.claims.coming() {
		h.mu.Unlock()
		return true
	}
	h.pods = nil
	h.mu.Unlock()
	// The engine notes pods that it has not returned to the queue yet, and retries them as
	// well.
	h.activate(logger, pods)
	return false
}
