package planner

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// defaultBackoffLimit is what the API server fills in.
const defaultBackoffLimit = 6

// failsJob says why the eviction of a Job's pod could be the end of the Job: it counts as
// a failure like any other, unless the Job's policy ignores disruptions.
func (r *run) failsJob(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || owner.Kind != "Job" || !cluster.Holds(pod) {
		return ""
	}
	job := r.jobs[owner.UID]
	if job == nil || ignoresDisruption(job.Spec.PodFailurePolicy) {
		return ""
	}
	// Pods of this run that are on their way count too, but a wave has one of a workload.
	limit := int32(defaultBackoffLimit)
	if job.Spec.BackoffLimit != nil {
		limit = *job.Spec.BackoffLimit
	}
	if perIndex := job.Spec.BackoffLimitPerIndex; perIndex != nil {
		limit = min(limit, *perIndex)
	}
	if job.Status.Failed >= limit {
		return fmt.Sprintf("its Job would fail: %d of %d failures are used up, and an eviction counts as one", job.Status.Failed, limit)
	}
	return ""
}

// ignoresDisruption says whether the policy does not count pods that were evicted.
func ignoresDisruption(policy *batchv1.PodFailurePolicy) bool {
	return policy != nil && slices.ContainsFunc(policy.Rules, func(rule batchv1.PodFailurePolicyRule) bool {
		return rule.Action == batchv1.PodFailurePolicyActionIgnore && slices.ContainsFunc(rule.OnPodConditions, func(p batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
			return p.Type == corev1.DisruptionTarget && (p.Status == corev1.ConditionTrue || p.Status == "")
		})
	})
}
