package standin

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Outcome is how a move ended.
type Outcome string

const (
	// UnderWay: it has not.
	UnderWay Outcome = ""
	// Moved: the stand-in is one of the ReplicaSet's pods, and the old pod is gone or terminating.
	Moved Outcome = "Moved"
	// NotMoved: the old pod is as it was before, and there is no stand-in.
	NotMoved Outcome = "NotMoved"
	// Kept: the stand-in is one of the ReplicaSet's pods, and so is the old pod. The ReplicaSet was
	// scaled up, or has deleted another pod, meanwhile.
	Kept Outcome = "Kept"
	// Left: the move cannot be ended now. Its stand-in is left, and Restore of a later run ends it.
	Left Outcome = "Left"
)

// Result is what a step has found.
type Result struct {
	Outcome Outcome
	// Reason says why the pod was not moved, or what a move that is under way waits for.
	Reason string
	// InVain says that the stand-in did not get ready, or has ended.
	InVain bool
	// Lost says that somebody or something else has ended the stand-in: another one may do better.
	Lost bool
	// refused says that the removal of the stand-in is refused, for example by a budget.
	refused bool
}

// action is what to do next. Each is one request.
type action int

const (
	// wait: until something else has changed.
	wait action = iota
	// mark the old pod as the first to be deleted.
	mark
	// hand over: give the stand-in the label by which the ReplicaSet adopts it.
	handOver
	// count the pods of the ReplicaSet.
	count
	// release the stand-in: it is a pod like any other.
	release
	// unmark the old pod.
	unmark
	// remove the stand-in.
	remove
	// end: nothing is left to do.
	end
)

// view is what a step knows of a move. Objects that do not exist are nil.
type view struct {
	note
	minReady     int32
	unbound      bool
	standIn, old *corev1.Pod
	set          *appsv1.ReplicaSet
	deployment   *appsv1.Deployment
	// counted are the pods of the ReplicaSet; nil if they were not counted.
	counted *counted
	// why is why the move was given up, and inVain and lost are the Result's.
	why          string
	inVain, lost bool
}

// counted are the pods of a ReplicaSet that are to stay.
type counted struct {
	pods, ready int
	// unready is the name of one that is not ready, other than the old pod.
	unready string
}

// next returns what to do next. It depends on nothing but the objects and the time, so that a
// program that knows nothing of the move goes on with it as the one that began it.
func (v *view) next(now time.Time) (action, Result) {
	switch {
	case v.standIn == nil || cluster.Leaving(v.standIn):
		v.lost = v.lost || v.why == ""
		return v.giveUp("its stand-in is gone")
	case !cluster.Holds(v.standIn):
		v.inVain, v.lost = true, v.lost || v.why == ""
		return v.giveUp(fmt.Sprintf("its stand-in has ended: %s %s", v.standIn.Status.Reason, v.standIn.Status.Message))
	case v.standIn.Labels[tie] != "":
		return v.afterHandOver(now)
	case v.why != "": // the old pod may be as before already
		return v.giveUp(v.why)
	}
	ready := podutil.IsPodAvailable(v.standIn, v.minReady, metav1.NewTime(now))
	switch why := hindrance(v.deployment, v.set, v.ReplicaSetUID, v.Tie); {
	case why != "":
		return v.giveUp(why)
	case metav1.GetControllerOfNoCopy(v.standIn) != nil:
		return v.giveUp("another controller has adopted its stand-in")
	case !ready && !v.oldStays():
		return v.giveUp("the pod went away before its stand-in was ready")
	case v.unbound && v.standIn.Spec.NodeName == "" && cluster.CannotStart(v.standIn, nil) != "":
		return v.giveUp("its stand-in fits on no node: " + notReady(v.standIn))
	case !ready && now.After(v.Until.Time):
		v.inVain = true
		return v.giveUp("its stand-in was not ready in time: " + notReady(v.standIn))
	case !ready:
		return wait, Result{Reason: "its stand-in: " + notReady(v.standIn)}
	case v.oldStays():
		return v.beforeHandOver(now)
	case v.counted == nil:
		return count, Result{}
	case v.counted.ready >= int(*v.set.Spec.Replicas):
		return v.giveUp("the pod went away, and its ReplicaSet has enough ready pods without its stand-in")
	}
	// The ReplicaSet deletes the least ready of its pods, so that nothing is lost with a stand-in
	// that is ready.
	return handOver, Result{}
}

// beforeHandOver returns what to do with a stand-in that is ready while the old pod is there. The
// ReplicaSet is to delete that and no other: of all pods that are ready, the one with the lowest
// cost.
func (v *view) beforeHandOver(now time.Time) (action, Result) {
	marked := cluster.BeingReplaced(v.old)
	switch {
	case now.After(v.Until.Time):
		return v.giveUp("the run ended before its stand-in was handed over")
	case marked && v.old.Annotations[corev1.PodDeletionCost] != lowestCost:
		return v.giveUp("somebody else has set its deletion cost")
	case v.counted == nil:
		return count, Result{}
	case v.counted.unready != "":
		return v.giveUp(unreadyOther(v.counted.unready))
	case !marked:
		return mark, Result{}
	}
	return handOver, Result{}
}

// unreadyOther is the hindrance that another pod is not ready.
func unreadyOther(name string) string {
	return "pod " + name + " of its ReplicaSet is not ready, and would be deleted instead"
}

// afterHandOver returns what to do when the stand-in has all of its labels. It cannot be taken
// back: the ReplicaSet may delete a pod at any time.
func (v *view) afterHandOver(now time.Time) (action, Result) {
	orphan := metav1.GetControllerOfNoCopy(v.standIn) == nil
	switch {
	case orphan && (v.set == nil || v.set.UID != v.ReplicaSetUID || v.set.DeletionTimestamp != nil):
		return v.giveUp("its ReplicaSet is gone")
	case orphan:
		return wait, Result{Reason: "its ReplicaSet to adopt the stand-in"}
	case !v.oldStays() && cluster.IsStandIn(v.standIn):
		return release, Result{}
	case !v.oldStays():
		return end, Result{Outcome: Moved}
	case v.set == nil || v.counted == nil:
		return count, Result{}
	case v.counted.pods > int(*v.set.Spec.Replicas):
		return wait, Result{Reason: "its ReplicaSet to delete it"}
	case cluster.BeingReplaced(v.old):
		return unmark, Result{}
	case cluster.IsStandIn(v.standIn):
		return release, Result{}
	}
	return end, Result{Outcome: Kept, Reason: "its stand-in has become another pod of its ReplicaSet, which was scaled up or has deleted another pod meanwhile"}
}

// giveUp returns what is left to undo.
func (v *view) giveUp(why string) (action, Result) {
	if v.why == "" {
		v.why = why
	}
	switch {
	case v.old != nil && cluster.BeingReplaced(v.old):
		return unmark, Result{}
	case v.standIn != nil && !cluster.Leaving(v.standIn):
		return remove, Result{}
	}
	return end, Result{Outcome: NotMoved, Reason: v.why, InVain: v.inVain, Lost: v.lost}
}

// workloadEnds reports whether nobody wants the pods of the workload any more.
func (v *view) workloadEnds() bool {
	switch {
	case v.set == nil || v.set.UID != v.ReplicaSetUID || v.set.DeletionTimestamp != nil:
		return true
	case v.deployment == nil || v.deployment.UID != metav1.GetControllerOfNoCopy(v.set).UID || v.deployment.DeletionTimestamp != nil:
		return true
	}
	return v.set.Spec.Replicas != nil && *v.set.Spec.Replicas == 0
}

// replaced reports whether the ReplicaSet has adopted the stand-in, and the old pod goes. What is left
// to do does not depend on the ReplicaSet.
func (v *view) replaced() bool {
	return v.standIn != nil && !cluster.Leaving(v.standIn) && cluster.Holds(v.standIn) &&
		v.standIn.Labels[tie] != "" && metav1.GetControllerOfNoCopy(v.standIn) != nil && !v.oldStays()
}

// oldStays reports whether the old pod exists and nobody has deleted it.
func (v *view) oldStays() bool {
	return v.old != nil && !cluster.Leaving(v.old) && cluster.Holds(v.old)
}

// notReady describes why a pod is not ready.
func notReady(pod *corev1.Pod) string {
	kind, state := corev1.PodScheduled, "not scheduled"
	if pod.Spec.NodeName != "" {
		kind, state = corev1.PodReady, "not ready on node "+pod.Spec.NodeName
		if disruption.Ready(pod) {
			return "not ready for long enough (minReadySeconds)"
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == kind && c.Message != "" {
			return state + ": " + c.Message
		}
	}
	return state
}
