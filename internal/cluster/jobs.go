package cluster

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Harm is what the loss of a pod does to its Job. A greater one is worse.
type Harm int

const (
	// Harmless: no failure is counted. So it is for pods of no Job too, and of Jobs that are
	// over or suspended.
	Harmless Harm = iota
	// Counted: the loss counts as a failure, and the Job allows one more.
	Counted
	// NotKnown: the picture does not have the Job, and nothing says what it allows.
	NotKnown
	// FailsIndex: the Job never runs the pod's index again.
	FailsIndex
	// FailsJob: the Job ends, and its other pods with it.
	FailsJob
)

// Way is how a pod is lost.
type Way int

const (
	// Deleted: it is just deleted, and its containers are told to end.
	Deleted Way = iota
	// Disrupted: it is evicted, preempted, or taken off a node, so it gets the condition
	// DisruptionTarget, and its containers are told to end.
	Disrupted
	// WithNode: it is lost with its node. It gets the condition, and nobody sees its
	// containers end.
	WithNode
)

// Jobs says what the loss of pods does to their Jobs, by the same rules as the Job controller.
// It takes a pod that is told to end to fail: one that exits with 0 completes, which nobody
// knows before. It is not safe for concurrent use.
type Jobs struct {
	jobs  map[types.UID]*batchv1.Job
	lost  map[types.UID]Harm // by pod
	tally map[types.UID]*jobTally
}

// jobTally counts the losses of a Job by their harm.
type jobTally [FailsJob + 1]int

// NewJobs returns the Jobs of a picture. Pods that are on their way out in it count as lost.
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

// uncounted reports whether the pod has failed, or is about to, and its Job's status does not
// show it. The controller takes its finalizer off a pod that it has counted. Where no pod of the
// Job has it, the picture was written by hand: one that is being deleted has yet to be counted.
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

// Of returns the pod's Job; nil if it has none, or the picture does not have it.
func (j *Jobs) Of(pod *corev1.Pod) *batchv1.Job {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil
	}
	return j.jobs[owner.UID]
}

// Lose counts the pod as lost, and returns what Loss says of it.
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

// Regain takes back that the pod was counted as lost.
func (j *Jobs) Regain(pod *corev1.Pod) {
	if harm, counted := j.lost[pod.UID]; counted {
		j.tally[j.Of(pod).UID][harm]--
		delete(j.lost, pod.UID)
	}
}

// Fails reports whether the pod's Job fails by the losses that were counted.
func (j *Jobs) Fails(pod *corev1.Pod) bool {
	job := j.Of(pod)
	return job != nil && j.tally[job.UID] != nil && j.tally[job.UID][FailsJob] > 0
}

// Loss says what the loss of the pod would do beside those that were counted, and in words
// where it ends the Job or the index, or may.
func (j *Jobs) Loss(pod *corev1.Pod, way Way) (Harm, string) {
	job := j.Of(pod)
	switch _, counted := j.lost[pod.UID]; {
	case counted || !Holds(pod):
		return Harmless, ""
	case job != nil:
		return j.loss(job, pod, way)
	case ControlledBy(pod, JobKind):
		return NotKnown, fmt.Sprintf("the picture has no Job %s, so it is not known whether that would fail by the loss", metav1.GetControllerOfNoCopy(pod).Name)
	}
	return Harmless, ""
}

func (j *Jobs) loss(job *batchv1.Job, pod *corev1.Pod, way Way) (Harm, string) {
	if jobDesired(job) == 0 {
		return Harmless, ""
	}
	if j.Fails(pod) {
		return FailsJob, "its Job would fail by the loss of another pod"
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
		return FailsJob, fmt.Sprintf("its Job would fail: %d of %d failures are used up, and this counts as one", failed, limit)
	}
	perIndex := job.Spec.BackoffLimitPerIndex
	if perIndex == nil {
		return harm, why
	}
	if of := annotatedNumber(pod, batchv1.JobIndexFailureCountAnnotation); harm == Counted && of >= int(*perIndex) {
		harm, why = FailsIndex, fmt.Sprintf("index %s of its Job would fail: %d of %d failures are used up, and this counts as one", indexOf(pod), of, *perIndex)
	}
	if most := job.Spec.MaxFailedIndexes; harm == FailsIndex && most != nil && failedIndexes(job)+tally[FailsIndex] >= int(*most) {
		return FailsJob, fmt.Sprintf("%s, and the Job with it, whose maxFailedIndexes is %d", why, *most)
	}
	return harm, why
}

// terminationCodes are what a container most likely exits with that is told to end and has no
// say of its own: by SIGTERM, and by SIGKILL when its grace period is over.
var terminationCodes = []int32{143, 137}

// byPolicy returns what the Job's pod failure policy makes of the loss: the worst that the exit
// codes allow, which nobody knows before.
func byPolicy(job *batchv1.Job, pod *corev1.Pod, way Way) (worst Harm, why string) {
	if job.Spec.PodFailurePolicy == nil {
		return Counted, ""
	}
	codes := terminationCodes
	if way == WithNode {
		codes = []int32{0} // which no rule matches, as that a container has not ended
	}
	for _, code := range codes {
		if harm, reason := byFirstRule(job.Spec.PodFailurePolicy, pod, way != Deleted, code); harm > worst {
			worst, why = harm, reason
		}
	}
	return worst, why
}

// byFirstRule returns what the first rule of the policy says that matches the pod, whose
// containers exit with the code if they have not ended before.
func byFirstRule(policy *batchv1.PodFailurePolicy, pod *corev1.Pod, disrupted bool, code int32) (Harm, string) {
	for i, rule := range policy.Rules {
		matches, what := onConditions(rule.OnPodConditions, pod, disrupted), "a disruption"
		if rule.OnExitCodes != nil {
			exit := onExitCodes(rule.OnExitCodes, pod, code)
			if matches, what = exit != 0, fmt.Sprintf("exit code %d", exit); exit == code {
				what += ", as of a pod that is told to end,"
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
			return FailsIndex, fmt.Sprintf("index %s of its Job would fail: rule %d of podFailurePolicy makes %s %s", indexOf(pod), i, what, rule.Action)
		case batchv1.PodFailurePolicyActionFailJob:
			return FailsJob, fmt.Sprintf("its Job would fail: rule %d of podFailurePolicy makes %s %s", i, what, rule.Action)
		}
	}
	return Counted, ""
}

// onConditions reports whether a pattern matches a condition that the pod has when it has ended.
func onConditions(patterns []batchv1.PodFailurePolicyOnPodConditionsPattern, pod *corev1.Pod, disrupted bool) bool {
	return slices.ContainsFunc(patterns, func(pattern batchv1.PodFailurePolicyOnPodConditionsPattern) bool {
		status := pattern.Status
		if status == "" {
			status = corev1.ConditionTrue // which the API server fills in
		}
		if disrupted && pattern.Type == corev1.DisruptionTarget {
			return status == corev1.ConditionTrue
		}
		return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == pattern.Type && c.Status == status })
	})
}

// onExitCodes returns the code of a container that matches the requirement; 0, which matches
// none, where there is no such container. One that runs, or has yet to, exits with the code.
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

// backoffLimit returns how many failures the Job allows in all, with what the API server fills in.
func backoffLimit(job *batchv1.Job) int {
	switch {
	case job.Spec.BackoffLimit != nil:
		return int(*job.Spec.BackoffLimit)
	case job.Spec.BackoffLimitPerIndex != nil:
		return math.MaxInt32
	}
	return 6
}

// jobEnding reports whether the Job is about to be over, whatever its pods do.
func jobEnding(job *batchv1.Job) bool {
	return job.DeletionTimestamp != nil || slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobFailureTarget || c.Type == batchv1.JobSuccessCriteriaMet) && c.Status == corev1.ConditionTrue
	})
}

// failedIndexes counts the indexes of the Job that have failed, which its status has as
// "1,3-5".
func failedIndexes(job *batchv1.Job) (n int) {
	if job.Status.FailedIndexes == nil {
		return 0
	}
	for _, interval := range strings.Split(*job.Status.FailedIndexes, ",") {
		first, last, several := strings.Cut(interval, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			continue
		}
		to := from
		if several {
			if to, err = strconv.Atoi(last); err != nil {
				continue
			}
		}
		n += to - from + 1
	}
	return n
}

// indexOf returns the pod's index in its Job.
func indexOf(pod *corev1.Pod) string { return pod.Annotations[batchv1.JobCompletionIndexAnnotation] }

// annotatedNumber returns the number that an annotation of the pod holds, 0 for anything else.
func annotatedNumber(pod *corev1.Pod, annotation string) int {
	n, err := strconv.Atoi(pod.Annotations[annotation])
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0
	}
	return n
}
