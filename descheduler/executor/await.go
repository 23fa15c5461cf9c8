package executor

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// await waits until all evicted pods are replaced, or gone if nothing replaces them.
func (r *run) await(ctx context.Context, w *wave) error {
	picture := r.Cluster.Snapshot()
	r.pursue(ctx, w, picture)
	if err := r.pursueBeside(ctx, w, picture); err != nil {
		return err
	}
	if len(w.evictions) == 0 {
		return nil
	}
	limit := r.WaveTimeout + w.grace
	deadline := r.Clock.Now().Add(limit)
	for {
		changed := r.Cluster.Changed()
		picture := r.Cluster.Snapshot()
		r.pursue(ctx, w, picture)
		if err := r.pursueBeside(ctx, w, picture); err != nil {
			return err
		}
		lacking := w.look(picture, r.Clock.Now())
		r.tell(w.progress(some(lacking, "; ")))
		if len(lacking) == 0 {
			return nil
		}
		if err := r.checkNodes(picture, w.evictions); err != nil {
			return err
		}
		if w.openBeside() > 0 { // each of these moves has a time of its own
			deadline = later(deadline, r.Clock.Now().Add(r.Settle))
		}
		over := !r.Clock.Now().Before(deadline)
		if over && (w.leaveDeferred() || r.leaveBeside(w)) {
			continue
		}
		if over {
			return &stop{plan.PodsPending, fmt.Sprintf("%v after its evictions, wave %d is still waiting for %s", limit, w.number, some(lacking, "; "))}
		}
		if err := r.wait(ctx, changed, w.lookAgain(r.Clock.Now(), deadline)); err != nil {
			return err
		}
	}
}

// look checks the current cluster, and returns what is still missing.
func (w *wave) look(picture *cluster.Snapshot, now time.Time) (lacking []string) {
	pods, owners := podsOf(picture), cluster.NewOwners(picture)
	mine := byWorkload(picture, owners, w.namespaces)
	w.ready = 0
	for _, e := range w.evictions {
		if pod := pods[e.move.Pod.UID]; e.workload == nil && pod != nil {
			lacking = append(lacking, e.stillThere(pod))
		} else if e.workload == nil {
			w.ready++
		}
	}
	for _, l := range w.workloads {
		lacks := l.look(pods, mine[l.UID], l.desired(picture, owners), now)
		lacking = append(lacking, lacks...)
		if len(lacks) == 0 {
			w.ready += len(l.evictions)
		} else {
			w.ready += min(len(l.readySince), len(l.evictions)-1)
		}
	}
	return lacking
}

// look returns what the workload is missing compared to before the wave. It may have been
// scaled down since: if desired is 0 or more, that many pods are enough.
func (l *workload) look(pods map[types.UID]*corev1.Pod, mine []*corev1.Pod, desired int, now time.Time) (lacking []string) {
	for _, e := range l.evictions {
		if pod := pods[e.move.Pod.UID]; pod != nil && pod.DeletionTimestamp == nil {
			lacking = append(lacking, e.stillThere(pod))
		}
	}
	if len(lacking) > 0 {
		return lacking
	}
	placed, ready, newPlaced, newReady := 0, 0, 0, 0
	for _, pod := range mine {
		if !stays(pod) {
			continue
		}
		if pod.Spec.NodeName != "" {
			placed++
		}
		if up(pod) {
			ready++
		}
		if l.seen[pod.UID] {
			continue
		}
		if pod.Spec.NodeName != "" {
			newPlaced++
		}
		if up(pod) {
			newReady++
			if _, known := l.readySince[pod.UID]; !known {
				l.readySince[pod.UID] = now
			}
		} else {
			lacking = append(lacking, notReady(pod))
		}
	}
	wasReady := 0
	for _, e := range l.evictions {
		if disruption.Ready(e.move.Object) {
			wasReady++
		}
	}
	enough := l.ready
	if desired >= 0 {
		enough = min(enough, desired)
	}
	allCame := newPlaced >= len(l.evictions) && newReady >= wasReady
	if ready >= enough && (allCame || desired >= 0 && placed >= desired) {
		return nil
	}
	if len(lacking) == 0 {
		lacking = append(lacking, fmt.Sprintf("%s (%d of %d pods ready)", l, ready, enough))
	}
	return lacking
}

// desired returns how many pods the workload should have: -1 if that is unknown, 0 if the
// pods' controller has been deleted since the wave began.
func (l *workload) desired(picture *cluster.Snapshot, owners *cluster.Owners) int {
	pod := l.evictions[0].move.Object
	if l.known && !controllerIn(picture, pod) {
		return 0
	}
	return owners.Of(pod).Desired
}

// controllerIn says whether the picture has the pod's controller.
func controllerIn(picture *cluster.Snapshot, pod *corev1.Pod) bool {
	uid := metav1.GetControllerOfNoCopy(pod).UID
	return has(picture.ReplicaSets, uid) || has(picture.StatefulSets, uid) || has(picture.Jobs, uid) || has(picture.ReplicationControllers, uid)
}

func has[T metav1.Object](objects []T, uid types.UID) bool {
	return slices.ContainsFunc(objects, func(o T) bool { return o.GetUID() == uid })
}

// stays says whether the pod counts for its workload: it has neither failed nor been
// deleted.
func stays(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodFailed
}

func (e *eviction) stillThere(pod *corev1.Pod) string {
	state := "not deleted yet"
	switch {
	case pod.DeletionTimestamp != nil:
		state = "being deleted"
	case e.beside != nil:
		state = e.beside.waiting
	case e.deferred != nil:
		state = "an admission webhook defers its eviction"
	}
	return fmt.Sprintf("pod %s/%s (%s)", pod.Namespace, pod.Name, state)
}

// notReady says why a pod is not ready. For a pod without a node, that is the scheduler's
// message.
func notReady(pod *corev1.Pod) string {
	state, kind := "not ready on node "+pod.Spec.NodeName, corev1.PodReady
	if pod.Spec.NodeName == "" {
		state, kind = "not scheduled", corev1.PodScheduled
	}
	if c := condition(pod, kind); c != nil && c.Message != "" {
		state += ": " + c.Message
	} else if pod.Spec.NodeName == "" {
		state += fmt.Sprintf(": scheduler %s has reported no reason", pod.Spec.SchedulerName)
	}
	return fmt.Sprintf("pod %s/%s (%s)", pod.Namespace, pod.Name, state)
}
