package assess

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// defaultBackoffLimit is what the API server fills in.
const defaultBackoffLimit = 6

// endsJob counts the pod among the failures of its Job, if it is of one, and says whether the Job
// fails by it: unless its policy ignores disruptions, a pod that is taken away is a
// failure like any other.
func (r *run) endsJob(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	job := r.jobs[owner.UID]
	if owner.Kind != "Job" || job == nil || ignoresDisruption(job.Spec.PodFailurePolicy) {
		return false
	}
	limit := defaultBackoffLimit
	if job.Spec.BackoffLimit != nil {
		limit = int(*job.Spec.BackoffLimit)
	}
	if perIndex := job.Spec.BackoffLimitPerIndex; perIndex != nil {
		limit = min(limit, int(*perIndex))
	}
	r.failed[owner.UID]++
	return int(job.Status.Failed)+r.failed[owner.UID] > limit
}

// ignoresDisruption says whether the policy does not count pods that were disrupted.
func ignoresDisruption(policy *batchv1.PodFailurePolicy) bool {
	return policy != nil && slices.ContainsFunc(policy.Rules, func(rule batchv1.PodFailurePolicyRule) bool {
		return rule.Action == batchv1.PodFailurePolicyActionIgnore && slices.ContainsFunc(rule.OnPodConditions, func(p batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
			return p.Type == corev1.DisruptionTarget && (p.Status == corev1.ConditionTrue || p.Status == "")
		})
	})
}

// waits says whether the pod's replacement comes only when the pod itself is gone: it has
// the same name, or its Job wants it so.
func (r *run) waits(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return false
	}
	job := r.jobs[owner.UID]
	return owner.Kind == "StatefulSet" || job != nil && job.Spec.PodReplacementPolicy != nil && *job.Spec.PodReplacementPolicy == batchv1.Failed
}
