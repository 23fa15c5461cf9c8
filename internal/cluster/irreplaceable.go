package cluster

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Irreplaceable returns why the pod's controller creates no replacement, in a phrase about
// its workload, or "" if it does as far as is known, or if the pod has no controller.
func (o *Owners) Irreplaceable(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return ""
	}
	workload, controller := o.Of(pod), o.makers.objects[owner.UID]
	switch job, is := controller.(*batchv1.Job); {
	case controller == nil:
	case controller.GetDeletionTimestamp() != nil && workload.UID == owner.UID:
		return "it is being deleted and creates no more pods"
	case controller.GetDeletionTimestamp() != nil:
		return fmt.Sprintf("its %s %s is being deleted and creates no more pods", owner.Kind, owner.Name)
	case is && jobNeedsNoMore(job) != "":
		return jobNeedsNoMore(job)
	}
	if workload.Irreplaceable != "" {
		return workload.Irreplaceable
	}
	return o.beyondQuota(workload, pod)
}

// beyondQuota returns why a quota that has no room for more pods of the workload has none for
// the pod's replacement either, or "" if the pod's removal makes enough room.
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

// Keeps returns why a pod must not be moved at present: its controller would not replace it,
// or a change of its workload is in progress. Changes in progress do not keep pods whose
// containers fail repeatedly: nothing is lost with them, and rollouts get stuck on such pods.
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

// jobNeedsNoMore returns why the Job creates no more pods in any case, or "" if it may.
func jobNeedsNoMore(job *batchv1.Job) string {
	switch succeeded := jobSucceeded(job); {
	case jobFinished(job):
		return "it has ended and creates no more pods"
	case jobEnding(job):
		return "it is about to end and creates no more pods"
	case jobSuspended(job):
		return "it is suspended and creates no pods"
	case job.Spec.Completions == nil && succeeded > 0:
		return "it creates no more pods, because one has succeeded and spec.completions is not set"
	case job.Spec.Completions != nil && succeeded >= int(*job.Spec.Completions):
		return "it creates no more pods, because enough have succeeded"
	}
	return ""
}
