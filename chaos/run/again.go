package run

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// request is an eviction that the API server did not do, and may when it is asked again.
type request struct {
	pod   target.Pod
	grace *int64
	// answers counts what the server has said, of which why is the last; due is when to ask again.
	answers int
	why     string
	due     time.Time
	// deferred: an admission webhook denies it for now. Some do so and move the pod
	// themselves, so it may leave at any moment, and then it was the run that took it.
	deferred bool
	// denied: a webhook has denied it, for now or for good. Some say the latter and move the
	// pod, too.
	denied bool
}

// refused takes note that the eviction was not done.
func (e *engine) refused(pod target.Pod, grace *int64, result disruption.Result) *request {
	r := e.requests[pod.UID]
	if r == nil {
		r = &request{pod: pod, grace: grace}
		e.requests[pod.UID] = r
	}
	r.answers++
	r.why, r.due = result.Err.Error(), time.Now().Add(result.AskAgain(r.answers))
	r.deferred = r.deferred || result.Outcome == disruption.Deferred
	r.denied = r.denied || r.deferred || result.Outcome == disruption.Denied
	return r
}

// putOff returns the pods whose evictions are put off, and takes note of those that have left.
func (e *engine) putOff() []target.Pod {
	if len(e.requests) == 0 {
		return nil
	}
	there := map[types.UID]*corev1.Pod{}
	for _, pod := range e.live.Picture().Pods {
		if pod.DeletionTimestamp == nil {
			there[pod.UID] = pod
		}
	}
	var pods []target.Pod
	for uid, r := range e.requests {
		switch pod := there[uid]; {
		case pod == nil:
			e.taken = e.taken || r.denied
			delete(e.requests, uid)
		case r.deferred, r.denied && cluster.Leaving(pod):
			pods = append(pods, r.pod)
		}
	}
	return pods
}

// askAgain asks again for the evictions of pods that were put off, each when it is due.
func (e *engine) askAgain(ctx context.Context, pods []target.Pod) error {
	for _, pod := range pods {
		if err := e.remove(ctx, []target.Pod{pod}, assess.Evict, e.requests[pod.UID].grace).err; err != nil {
			return err
		}
	}
	return nil
}

// giveUp waits no longer for pods whose evictions are put off.
func (e *engine) giveUp(pods []target.Pod, after time.Duration) {
	if len(pods) == 0 {
		return
	}
	e.doubt("after %s, the evictions of %s were still deferred: %s", after, report.Count(len(pods), "pod"), e.keeping(pods, nil))
	e.forget(pods)
}

// forget has the run no longer be what takes the pods away.
func (e *engine) forget(pods []target.Pod) {
	for _, pod := range pods {
		if e.requests[pod.UID] != nil {
			delete(e.requests, pod.UID)
			e.observer.Kept(pod.UID)
		}
	}
}
