package assess

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// endJobs counts the victims, which go at once, as losses of their Jobs, and says of those that are
// not replaced for it why: the Job or the index ends.
func (r *run) endJobs(wave []*victim) map[*victim]string {
	ends := map[*victim]string{}
	for _, v := range wave {
		disrupted := r.loss.How != Delete || v.PreemptedBy != ""
		if harm, why := r.jobs.Lose(v.pod, disrupted); harm >= cluster.FailsIndex {
			ends[v] = why
		}
	}
	for _, v := range wave {
		if ends[v] == "" && r.jobs.Fails(v.pod) {
			ends[v] = "its Job would fail by the loss of another pod"
		}
	}
	return ends
}

// waits says whether the pod's replacement comes only when the pod itself is gone: it has
// the same name, or its Job wants it so.
func (r *run) waits(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return false
	}
	job := r.jobs.Of(pod)
	return owner.Kind == "StatefulSet" || job != nil && job.Spec.PodReplacementPolicy != nil && *job.Spec.PodReplacementPolicy == batchv1.Failed
}
