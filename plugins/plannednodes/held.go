package plannednodes

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
)

// period is how often to look whether pods that wait may go on.
const period = time.Second

// held are the pods that wait for nodes on their way.
type held struct {
	claims   *claims
	activate func(klog.Logger, map[string]*corev1.Pod)
	// start has something done beside, for as long as the plugin lives.
	start func(func(context.Context))

	mu sync.Mutex
	// pods are nil while none wait, and nobody looks after them.
	pods map[string]*corev1.Pod
	seen int64 // the changes of claims that all of them know of
}

// add has the pod wait, if not too many do. It is tried again when a node has come, or there is
// nothing more to wait for.
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

// look has pods tried again until none wait.
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

// release has the pods tried again if there is a reason, and says whether any wait still.
func (h *held) release(logger klog.Logger) bool {
	h.mu.Lock()
	pods, changes := h.pods, h.claims.changes.Load()
	if changes == h.seen && h.claims.coming() {
		h.mu.Unlock()
		return true
	}
	h.pods = nil
	h.mu.Unlock()
	// One that the engine has not put back yet is noted there, and tried again as well.
	h.activate(logger, pods)
	return false
}
