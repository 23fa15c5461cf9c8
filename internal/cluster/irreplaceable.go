package cluster

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Irreplaceable says why the controller of the pod makes no other in its place, in a phrase about
// its workload; nothing where it does, as far as is known, and for a pod without a controller.
func (o *Owners) Irreplaceable(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return ""
	}
	workload, controller := o.Of(pod), o.makers.objects[owner.UID]
	switch job, is := controller.(*batchv1.Job); {
	case controller == nil:
	case controller.GetDeletionTimestamp() != nil && workload.UID == owner.UID:
		return "it is being deleted, and makes no more pods"
	case controller.GetDeletionTimestamp() != nil:
		return fmt.Sprintf("its %s %s is being deleted, and makes no more pods", owner.Kind, owner.Name)
	case is && jobNeedsNoMore(job) != "":
		return jobNeedsNoMore(job)
	}
	if workload.Irreplaceable != "" {
		return workload.Irreplaceable
	}
	return o.beyondQuota(workload, pod)
}

// beyondQuota says why a quota that has no room for more pods of the workload would have none
// for the pod's replacement either; nothing where the pod leaves enough.
func (o *Owners) beyondQuota(w *Workload, pod *corev1.Pod) string {
	shortages := o.shortages[w]
	if len(shortages) == 0 || !Holds(pod) {
		return ""
	}
	replacement, _ := o.Replacement(pod)
	for _, s := range shortages {
		if why := s.leavesTooLittle(pod, replacement); why != "" {
			return why
		}
	}
	return ""
}

// Keeps says why a pod has to stay for now: its controller would not replace it, or something is
// under way with its workload. What is under way does not keep a pod whose containers fail again
// and again: nothing is lost with it, and its like is what rollouts get stuck on.
func (o *Owners) Keeps(pod *corev1.Pod) string {
	workload, irreplaceable := o.Of(pod), o.Irreplaceable(pod)
	switch {
	case irreplaceable != "":
		return irreplaceable
	case workload == nil || fails(pod):
		return ""
	}
	return workload.Rollout
}

// jobNeedsNoMore says why the Job makes no pods, whatever becomes of those that it has; nothing
// where it does.
func jobNeedsNoMore(job *batchv1.Job) string {
	switch succeeded := jobSucceeded(job); {
	case jobFinished(job):
		return "it is over, and makes no more pods"
	case jobEnding(job):
		return "it is about to be over, and makes no more pods"
	case jobSuspended(job):
		return "it is suspended, and makes no pods"
	case job.Spec.Completions == nil && succeeded > 0:
		return "it makes no more pods, since one of them has succeeded, and its spec has no completions"
	case job.Spec.Completions != nil && succeeded >= int(*job.Spec.Completions):
		return "it makes no more pods, since as many have succeeded as it needs"
	}
	return ""
}
