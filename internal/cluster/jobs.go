package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Harm is the effect of the loss of a pod on its Job. Higher values are worse.
type Harm int

const (
	// Harmless: no failure is counted. This includes pods without a Job, and Jobs that have
	// ended or are suspended.
	Harmless Harm = iota
	// Counted: the loss counts as a failure, and the Job allows another one.
	Counted
	// NotKnown: the Job is missing from the snapshot, so its limit is unknown.
	NotKnown
	// FailsIndex: the Job does not retry the pod's index.
	FailsIndex
	// FailsJob: the Job fails, and its other pods are terminated.
	FailsJob
)

// Way is the way in which a pod is lost.
type Way int

const (
	// Deleted: it is deleted, and its containers are terminated.
	Deleted Way = iota
	// Disrupted: it is evicted, preempted, or removed from a tainted node. It gets the
	// condition DisruptionTarget, and its containers are terminated.
	Disrupted
	// WithNode: it is lost with its node. It gets the condition, but the end of its
	// containers is not reported.
	WithNode
)

// Jobs predicts the effect of losing pods on their Jobs, with the rules of the Job
// controller. It assumes that a terminated pod fails: one that exits with 0 completes, which
// is not known in advance. It is not safe for concurrent use.
type Jobs struct {
	jobs  map[types.UID]*batchv1.Job
	lost  map[types.UID]Harm // by pod
	tally map[types.UID]*jobTally
}

// jobTally counts the losses of a Job by harm.
type jobTally [FailsJob + 1]int

// NewJobs returns the Jobs of a snapshot. Pods that are being deleted count as lost.
func NewJobs(picture *Snapshot) *Jobs {
	j := &Jobs{jobs: make(map[types.UID]*batchv1.Job, len(picture.Jobs)), lost: map[types.UID]Harm{}, tally: map[types.UID]*jobTally{}}
	for _, job := range picture.Jobs {
		j.jobs[job.UID] = job
	}
	if len(j.jobs) == 0 {
		return j
	}
	tracked := map[types.UID]bool{} // the Jobs whose pods have the finalizer
	for _, pod := range picture.Pods {
		if job := j.Of(pod); job != nil && slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer) {
			tracked[job.UID] = true
		}
	}
	for _, pod := range picture.Pods {
		if job := j.Of(pod); job != nil && uncounted(job, pod, tracked[job.UID]) {
			harm, _ := j.loss(job, pod, Deleted)
			j.count(job, pod, harm)
		}
	}
	return j
}

// Clone returns a copy that counts its own losses.
func (j *Jobs) Clone() *Jobs {
	clone := &Jobs{jobs: j.jobs, lost: maps.Clone(j.lost), tally: make(map[types.UID]*jobTally, len(j.tally))}
	for uid, tally := range j.tally {
		own := *tally
		clone.tally[uid] = &own
	}
	return clone
}

// uncounted reports whether the pod has failed or is being deleted, and its Job's status does
// not include it. The controller removes its finalizer from a pod that it has counted. If no
// pod of the Job has the finalizer, the snapshot was written by hand: a pod that is being
// deleted has not been counted.
func uncounted(job *batchv1.Job, pod *corev1.Pod, tracked bool) bool {
	ending := pod.DeletionTimestamp != nil && Holds(pod)
	switch {
	case !tracked && !ending, tracked && !slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer):
		return false
	case !ending && pod.Status.Phase != corev1.PodFailed:
		return false
	}
	counting := job.Status.UncountedTerminatedPods
	return counting == nil || !slices.Contains(counting.Failed, pod.UID)
}

// Of returns the pod's Job; nil if it has none or the Job is missing from the snapshot.
func (j *Jobs) Of(pod *corev1.Pod) *batchv1.Job {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil
	}
	return j.jobs[owner.UID]
}

// Lose counts the pod as lost, and returns the result of Loss.
func (j *Jobs) Lose(pod *corev1.Pod, way Way) (Harm, string) {
	harm, why := j.Loss(pod, way)
	if job := j.Of(pod); job != nil && harm != Harmless {
		j.count(job, pod, harm)
	}
	return harm, why
}

func (j *Jobs) count(job *batchv1.Job, pod *corev1.Pod, harm Harm) {
	if j.tally[job.UID] == nil {
		j.tally[job.UID] = &jobTally{}
	}
	j.tally[job.UID][harm]++
	j.lost[pod.UID] = harm
}

// Regain reverts Lose.
func (j *Jobs) Regain(pod *corev1.Pod) {
	if harm, counted := j.lost[pod.UID]; counted {
		j.tally[j.Of(pod).UID][harm]--
		delete(j.lost, pod.UID)
	}
}

// Fails reports whether the pod's Job fails because of the counted losses.
func (j *Jobs) Fails(pod *corev1.Pod) bool {
	job := j.Of(pod)
	return job != nil && j.tally[job.UID] != nil && j.tally[job.UID][FailsJob] > 0
}

// Ends reports whether the pod's Job, or the index of the pod in it, fails because of the counted
// losses.
func (j *Jobs) Ends(pod *corev1.Pod) bool { return j.Fails(pod) || j.lost[pod.UID] == FailsIndex }

// Loss returns the effect of the loss of the pod in addition to the counted ones, and a
// description if the Job or the index fails, or may fail.
func (j *Jobs) Loss(pod *corev1.Pod, way Way) (Harm, string) {
	job := j.Of(pod)
	switch _, counted := j.lost[pod.UID]; {
	case counted || !Holds(pod):
		return Harmless, ""
	case job != nil:
		return j.loss(job, pod, way)
	case ControlledBy(pod, JobKind):
		return NotKnown, fmt.Sprintf("the snapshot has no Job %s, so it is unknown whether the Job would fail", metav1.GetControllerOfNoCopy(pod).Name)
	}
	return Harmless, ""
}

func (j *Jobs) loss(job *batchv1.Job, pod *corev1.Pod, way Way) (Harm, string) {
	if jobDesired(job) == 0 {
		return Harmless, ""
	}
	if j.Fails(pod) {
		return FailsJob, "its Job would fail because of the loss of another pod"
	}
	harm, why := byPolicy(job, pod, way)
	if harm == Harmless || harm == FailsJob {
		return harm, why
	}
	tally := j.tally[job.UID]
	if tally == nil {
		tally = &jobTally{}
	}
	failed := int(job.Status.Failed) + tally[Counted] + tally[FailsIndex]
	if counting := job.Status.UncountedTerminatedPods; counting != nil {
		failed += len(counting.Failed)
	}
	if limit := backoffLimit(job); failed >= limit {
		return FailsJob, "its Job would fail: " + oneTooMany(failed, limit)
	}
	perIndex := job.Spec.BackoffLimitPerIndex
	if perIndex == nil {
		return harm, why
	}
	if of := annotatedNumber(pod, batchv1.JobIndexFailureCountAnnotation); harm == Counted && of >= int(*perIndex) {
		harm, why = FailsIndex, fmt.Sprintf("index %s of its Job would fail: %s", indexOf(pod), oneTooMany(of, int(*perIndex)))
	}
	if most := job.Spec.MaxFailedIndexes; harm == FailsIndex && most != nil && failedIndexes(job)+tally[FailsIndex] >= int(*most) {
		return FailsJob, fmt.Sprintf("%s, and the Job as well: its maxFailedIndexes is %d", why, *most)
	}
	return harm, why
}

// terminationCodes are the probable exit codes of a terminated container that does not handle
// signals: after SIGTERM, and after SIGKILL at the end of its grace period.
var terminationCodes = []int32{143, 137}

// byPolicy returns the result of the Job's pod failure policy: the worst for all possible
// exit codes, which are not known in advance.
func byPolicy(job *batchv1.Job, pod *corev1.Pod, way Way) (worst Harm, why string) {
	if job.Spec.PodFailurePolicy == nil {
		return Counted, ""
	}
	codes := terminationCodes
	if way == WithNode {
		codes = []int32{0} // no rule matches 0, as for a container that has not ended
	}
	for _, code := range codes {
		if harm, reason := byFirstRule(job.Spec.PodFailurePolicy, pod, way != Deleted, code); harm > worst {
			worst, why = harm, reason
		}
	}
	return worst, why
}

// byFirstRule returns the result of the first rule of the policy that matches the pod, if its
// running containers exit with the code.
func byFirstRule(policy *batchv1.PodFailurePolicy, pod *corev1.Pod, disrupted bool, code int32) (Harm, string) {
	for i, rule := range policy.Rules {
		matches, what := onConditions(rule.OnPodConditions, pod, disrupted), "a disruption"
		if rule.OnExitCodes != nil {
			exit := onExitCodes(rule.OnExitCodes, pod, code)
			if matches, what = exit != 0, fmt.Sprintf("exit code %d", exit); exit == code {
				what += ", the usual one of a terminated pod,"
			}
		}
		if !matches {
			continue
		}
		switch rule.Action {
		case batchv1.PodFailurePolicyActionIgnore:
			return Harmless, ""
		case batchv1.PodFailurePolicyActionCount:
			return Counted, ""
		case batchv1.PodFailurePolicyActionFailIndex:
			return FailsIndex, fmt.Sprintf("index %s of its Job would fail: podFailurePolicy rule %d maps %s to %s", indexOf(pod), i, what, rule.Action)
		case batchv1.PodFailurePolicyActionFailJob:
			return FailsJob, fmt.Sprintf("its Job would fail: podFailurePolicy rule %d maps %s to %s", i, what, rule.Action)
		}
	}
	return Counted, ""
}

// onConditions reports whether a pattern matches a condition that the pod has after it has
// ended.
func onConditions(patterns []batchv1.PodFailurePolicyOnPodConditionsPattern, pod *corev1.Pod, disrupted bool) bool {
	return slices.ContainsFunc(patterns, func(pattern batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
		status := pattern.Status
		if status == "" {
			status = corev1.ConditionTrue // the default of the API server
		}
		if disrupted && pattern.Type == corev1.DisruptionTarget {
			return status == corev1.ConditionTrue
		}
		return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == pattern.Type && c.Status == status })
	})
}

// onExitCodes returns the exit code of a container that matches the requirement, or 0, which
// matches nothing, if there is none. Containers that have not ended exit with the code.
func onExitCodes(requirement *batchv1.PodFailurePolicyOnExitCodesRequirement, pod *corev1.Pod, code int32) int32 {
	matching := func(container *corev1.Container, statuses []corev1.ContainerStatus) int32 {
		if requirement.ContainerName != nil && *requirement.ContainerName != container.Name {
			return 0
		}
		exit := code
		for i := range statuses {
			if ended := statuses[i].State.Terminated; ended != nil && statuses[i].Name == container.Name {
				exit = ended.ExitCode
			}
		}
		if in := slices.Contains(requirement.Values, exit); in == (requirement.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn) {
			return exit
		}
		return 0
	}
	for i := range pod.Spec.Containers {
		if exit := matching(&pod.Spec.Containers[i], pod.Status.ContainerStatuses); exit != 0 {
			return exit
		}
	}
	for i := range pod.Spec.InitContainers {
		if exit := matching(&pod.Spec.InitContainers[i], pod.Status.InitContainerStatuses); exit != 0 {
			return exit
		}
	}
	return 0
}

// backoffLimit returns the number of failures that the Job allows, with the API server's
// default.
func backoffLimit(job *batchv1.Job) int {
	switch {
	case job.Spec.BackoffLimit != nil:
		return int(*job.Spec.BackoffLimit)
	case job.Spec.BackoffLimitPerIndex != nil:
		return math.MaxInt32
	}
	return 6
}

// jobEnding reports whether the Job is about to end, whatever its pods do.
func jobEnding(job *batchv1.Job) bool {
	return job.DeletionTimestamp != nil || slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobFailureTarget || c.Type == batchv1.JobSuccessCriteriaMet) && c.Status == corev1.ConditionTrue
	})
}

// failedIndexes counts the failed indexes of the Job, which its status contains as "1,3-5". Other
// text in it counts as none.
func failedIndexes(job *batchv1.Job) (n int) {
	if job.Status.FailedIndexes == nil {
		return 0
	}
	for _, interval := range strings.Split(*job.Status.FailedIndexes, ",") {
		first, last, several := strings.Cut(interval, "-")
		if !several {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 31)
		to, toErr := strconv.ParseUint(last, 10, 31)
		if err == nil && toErr == nil && from <= to {
			n += int(to-from) + 1
		}
	}
	return n
}

// indexOf returns the pod's index in its Job.
func indexOf(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }

// annotatedNumber returns the number in an annotation of the pod, or 0 for other values.
func annotatedNumber(pod *corev1.Pod, annotation string) int {
	n, err := strconv.Atoi(pod.Annotations[annotation])
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return n
}

// oneTooMany says that failures are at their limit.
func oneTooMany(failed, limit int) string {
	if limit == 0 {
		return "it allows no failed pods"
	}
	return fmt.Sprintf("it allows %s and has had %d", report.Count(limit, "failed pod"), failed)
}
