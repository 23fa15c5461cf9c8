package cluster

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// jobPod returns a running pod of Job "job" with containers main and helper.
func jobPod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name), Annotations: map[string]string{},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: "job", UID: "job", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}, {Name: "helper"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: "example.com/ConfigIssue", Status: corev1.ConditionTrue},
		}},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

// job returns Job "job", which wants 3 pods.
func job(changes ...func(*batchv1.Job)) *batchv1.Job {
	j := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "job", UID: "job"},
		Spec:       batchv1.JobSpec{Parallelism: ptr.To[int32](3), Completions: ptr.To[int32](6), BackoffLimit: ptr.To[int32](6)},
	}
	for _, change := range changes {
		change(j)
	}
	return j
}

func withRules(rules ...batchv1.PodFailurePolicyRule) func(*batchv1.Job) {
	return func(j *batchv1.Job) { j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: rules} }
}

func onCondition(action batchv1.PodFailurePolicyAction, condition corev1.PodConditionType, status corev1.ConditionStatus) batchv1.PodFailurePolicyRule {
	return batchv1.PodFailurePolicyRule{Action: action, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: condition, Status: status}}}
}

func onCodes(action batchv1.PodFailurePolicyAction, container string, operator batchv1.PodFailurePolicyOnExitCodesOperator, codes ...int32) batchv1.PodFailurePolicyRule {
	rule := batchv1.PodFailurePolicyRule{Action: action, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{Operator: operator, Values: codes}}
	if container != "" {
		rule.OnExitCodes.ContainerName = &container
	}
	return rule
}

func failures(limit, failed int32) func(*batchv1.Job) {
	return func(j *batchv1.Job) { j.Spec.BackoffLimit, j.Status.Failed = &limit, failed }
}

func perIndex(limit int32, most *int32) func(*batchv1.Job) {
	return func(j *batchv1.Job) {
		j.Spec.CompletionMode, j.Spec.BackoffLimit = ptr.To(batchv1.IndexedCompletion), nil
		j.Spec.BackoffLimitPerIndex, j.Spec.MaxFailedIndexes = &limit, most
	}
}

func atIndex(index, failures string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Annotations[batchv1.JobCompletionIndexAnnotation], p.Annotations[batchv1.JobIndexFailureCountAnnotation] = index, failures
	}
}

func withCondition(kind batchv1.JobConditionType) func(*batchv1.Job) {
	return func(j *batchv1.Job) {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue})
	}
}

func ended(container string, code int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}},
		})
	}
}

// leaving has the pod on its way out, and its Job not know of it.
func leaving(p *corev1.Pod) {
	p.DeletionTimestamp = &metav1.Time{}
	finalized(p)
}

func finalized(p *corev1.Pod)   { p.Finalizers = []string{batchv1.JobTrackingFinalizer} }
func unfinalized(p *corev1.Pod) { p.Finalizers = nil }

const (
	ignore, count      = batchv1.PodFailurePolicyActionIgnore, batchv1.PodFailurePolicyActionCount
	failJob, failIndex = batchv1.PodFailurePolicyActionFailJob, batchv1.PodFailurePolicyActionFailIndex
	in, notIn          = batchv1.PodFailurePolicyOnExitCodesOpIn, batchv1.PodFailurePolicyOnExitCodesOpNotIn
	disruption         = corev1.DisruptionTarget
)

func TestLossOfAJobsPod(t *testing.T) {
	jobs := func(j *batchv1.Job) *Snapshot { return &Snapshot{Jobs: []*batchv1.Job{j}} }
	ignores := onCondition(ignore, disruption, corev1.ConditionTrue)
	tests := []struct {
		name    string
		picture *Snapshot
		pod     *corev1.Pod
		way     *Way // Disrupted unless it says otherwise
		want    Harm
		why     string
	}{
		{name: "a pod of a Job counts as a failure", picture: jobs(job()), pod: jobPod("p"), want: Counted},
		{name: "a pod of another kind of Job does not", picture: jobs(job()), pod: jobPod("p", func(p *corev1.Pod) {
			p.OwnerReferences[0].APIVersion, p.OwnerReferences[0].UID = "batch.volcano.sh/v1alpha1", "volcano"
		})},
		{name: "what a Job allows that the picture does not have is not known", picture: jobs(job()), pod: jobPod("p", func(p *corev1.Pod) { p.OwnerReferences[0].UID = "new" }), want: NotKnown, why: "the snapshot has no Job job"},
		{name: "so it is where it has no workloads at all", picture: &Snapshot{}, pod: jobPod("p"), want: NotKnown},
		{name: "a pod of a Job that is over does not", picture: jobs(job(failures(0, 0), withCondition(batchv1.JobComplete))), pod: jobPod("p")},
		{name: "nor of one that has met its success policy", picture: jobs(job(failures(0, 0), withCondition(batchv1.JobSuccessCriteriaMet))), pod: jobPod("p")},
		{name: "nor of one that is failing", picture: jobs(job(failures(0, 0), withCondition(batchv1.JobFailureTarget))), pod: jobPod("p")},
		{name: "nor of one that is suspended", picture: jobs(job(failures(0, 0), func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) })), pod: jobPod("p")},
		{name: "nor does one that has succeeded", picture: jobs(job(failures(0, 0))), pod: jobPod("p", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })},
		{name: "the last failure ends the Job", picture: jobs(job(failures(2, 2))), pod: jobPod("p"), want: FailsJob, why: "it allows 2 failed pods and has had 2"},
		{name: "six failures are allowed unless said", picture: jobs(job(func(j *batchv1.Job) { j.Spec.BackoffLimit, j.Status.Failed = nil, 6 })), pod: jobPod("p"), want: FailsJob, why: "it allows 6 failed pods and has had 6"},
		{
			name: "failures count too that the status has not in its sum yet",
			picture: jobs(job(failures(2, 1), func(j *batchv1.Job) {
				j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Failed: []types.UID{"q"}}
			})),
			pod: jobPod("p"), want: FailsJob, why: "it allows 2 failed pods and has had 2",
		},
		{
			name: "and pods on their way out", picture: &Snapshot{Jobs: []*batchv1.Job{job(failures(1, 0))}, Pods: []*corev1.Pod{jobPod("q", leaving)}},
			pod: jobPod("p"), want: FailsJob, why: "it allows 1 failed pod and has had 1",
		},
		{
			name: "and pods on their way out of a picture that leaves out the finalizers of all", picture: &Snapshot{Jobs: []*batchv1.Job{job(failures(1, 0))}, Pods: []*corev1.Pod{jobPod("q", leaving, unfinalized), jobPod("p")}},
			pod: jobPod("p"), want: FailsJob, why: "it allows 1 failed pod and has had 1",
		},
		{
			name: "but not those without a finalizer where others have it", picture: &Snapshot{Jobs: []*batchv1.Job{job(failures(2, 1))}, Pods: []*corev1.Pod{jobPod("q", leaving, unfinalized), jobPod("p", finalized)}},
			pod: jobPod("p"), want: Counted,
		},
		{
			name: "nor those that have failed, which a picture without finalizers has counted", picture: &Snapshot{Jobs: []*batchv1.Job{job(failures(2, 1))}, Pods: []*corev1.Pod{jobPod("q", func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed })}},
			pod: jobPod("p"), want: Counted,
		},
		{
			name: "but for those that the status has counted", picture: &Snapshot{Jobs: []*batchv1.Job{job(failures(2, 1), func(j *batchv1.Job) {
				j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Failed: []types.UID{"q"}}
			})}, Pods: []*corev1.Pod{jobPod("q", leaving)}},
			pod: jobPod("p"), want: FailsJob, why: "it allows 2 failed pods and has had 2",
		},
		{name: "disruptions that are ignored count as nothing", picture: jobs(job(failures(0, 0), withRules(ignores))), pod: jobPod("p")},
		{name: "so they do where the pattern leaves out its status", picture: jobs(job(failures(0, 0), withRules(onCondition(ignore, disruption, "")))), pod: jobPod("p")},
		{name: "but a pod that is just deleted is no disruption", picture: jobs(job(failures(0, 0), withRules(ignores))), pod: jobPod("p"), way: ptr.To(Deleted), want: FailsJob, why: "it allows no failed pods"},
		{name: "a pattern for the other status matches no disruption", picture: jobs(job(withRules(onCondition(failJob, disruption, corev1.ConditionFalse)))), pod: jobPod("p"), want: Counted},
		{name: "a disruption may fail the Job", picture: jobs(job(withRules(onCondition(failJob, disruption, corev1.ConditionTrue), ignores))), pod: jobPod("p"), want: FailsJob, why: "podFailurePolicy rule 0 maps a disruption to FailJob"},
		{name: "the first rule that matches decides", picture: jobs(job(withRules(ignores, onCondition(failJob, disruption, corev1.ConditionTrue)))), pod: jobPod("p")},
		{name: "a rule may match a condition that the pod has anyway", picture: jobs(job(withRules(onCondition(failJob, "example.com/ConfigIssue", corev1.ConditionTrue), ignores))), pod: jobPod("p"), want: FailsJob},
		{name: "a rule that counts comes before one that ignores", picture: jobs(job(failures(1, 1), withRules(onCondition(count, disruption, corev1.ConditionTrue), ignores))), pod: jobPod("p"), want: FailsJob, why: "it allows 1 failed pod and has had 1"},
		{name: "SIGTERM is an exit code that is not 0", picture: jobs(job(withRules(onCodes(failJob, "", notIn, 0), ignores))), pod: jobPod("p"), want: FailsJob, why: "exit code 143"},
		{name: "and may be named", picture: jobs(job(withRules(onCodes(failJob, "", in, 1, 143), ignores))), pod: jobPod("p"), want: FailsJob, why: "exit code 143"},
		{name: "so may SIGKILL", picture: jobs(job(withRules(onCodes(failJob, "", in, 137), ignores))), pod: jobPod("p"), want: FailsJob, why: "exit code 137"},
		{name: "codes of the program's own are not those of an eviction", picture: jobs(job(withRules(onCodes(failJob, "", in, 42), ignores))), pod: jobPod("p")},
		{name: "nor are all but those of an eviction", picture: jobs(job(withRules(onCodes(failJob, "", notIn, 137, 143), ignores))), pod: jobPod("p")},
		{name: "a rule for another container does not match", picture: jobs(job(withRules(onCodes(failJob, "sidecar", notIn, 0), ignores))), pod: jobPod("p")},
		{name: "one for a container does", picture: jobs(job(withRules(onCodes(failJob, "helper", notIn, 0), ignores))), pod: jobPod("p"), want: FailsJob},
		{name: "unless that has ended well", picture: jobs(job(withRules(onCodes(failJob, "helper", notIn, 0), ignores))), pod: jobPod("p", ended("helper", 0))},
		{name: "of one that has ended its own code counts", picture: jobs(job(withRules(onCodes(failJob, "helper", in, 42), ignores))), pod: jobPod("p", ended("helper", 42)), want: FailsJob, why: "FailJob"},
		{name: "a container that runs on a dead node shows no exit code", picture: jobs(job(withRules(onCodes(failJob, "", notIn, 0), ignores))), pod: jobPod("p"), way: ptr.To(WithNode)},
		{name: "one that has ended there does", picture: jobs(job(withRules(onCodes(failJob, "helper", in, 42), ignores))), pod: jobPod("p", ended("helper", 42)), way: ptr.To(WithNode), want: FailsJob, why: "exit code 42 to FailJob"},
		{name: "a disruption may fail the index", picture: jobs(job(perIndex(3, nil), withRules(onCondition(failIndex, disruption, corev1.ConditionTrue)))), pod: jobPod("p", atIndex("4", "")), want: FailsIndex, why: "index 4 of its Job would fail: podFailurePolicy rule 0"},
		{name: "an index has failures of its own", picture: jobs(job(perIndex(1, nil), func(j *batchv1.Job) { j.Status.Failed = 50 })), pod: jobPod("p", atIndex("4", "0")), want: Counted},
		{name: "and fails when they are used up", picture: jobs(job(perIndex(1, nil))), pod: jobPod("p", atIndex("4", "1")), want: FailsIndex, why: "it allows 1 failed pod and has had 1"},
		{name: "an index that fails is the end of a Job that allows no more", picture: jobs(job(perIndex(0, ptr.To[int32](2)), func(j *batchv1.Job) { j.Status.FailedIndexes = ptr.To("0,3") })), pod: jobPod("p", atIndex("4", "")), want: FailsJob, why: "maxFailedIndexes is 2"},
		{name: "failed indexes that are no numbers of pods make no room for more", picture: jobs(job(perIndex(0, ptr.To[int32](2)), func(j *batchv1.Job) { j.Status.FailedIndexes = ptr.To("0,3,9-1,0-9223372036854775807,x") })), pod: jobPod("p", atIndex("4", "")), want: FailsJob, why: "maxFailedIndexes is 2"},
		{name: "and not of one that does", picture: jobs(job(perIndex(0, ptr.To[int32](5)), func(j *batchv1.Job) { j.Status.FailedIndexes = ptr.To("0,2-4") })), pod: jobPod("p", atIndex("5", "")), want: FailsIndex},
		{name: "failures in all count beside those of the index", picture: jobs(job(perIndex(5, nil), failures(3, 3))), pod: jobPod("p", atIndex("4", "")), want: FailsJob, why: "it allows 3 failed pods and has had 3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			harm, why := NewJobs(tt.picture).Loss(tt.pod, *cmp.Or(tt.way, ptr.To(Disrupted)))
			if harm != tt.want || !strings.Contains(why, tt.why) {
				t.Errorf("harm %d (%s), want %d (%s)", harm, why, tt.want, tt.why)
			}
			if (harm >= NotKnown) != (why != "") {
				t.Errorf("harm %d has the reason %q", harm, why)
			}
		})
	}
}

func TestLossesOfAJobAddUp(t *testing.T) {
	jobs := NewJobs(&Snapshot{Jobs: []*batchv1.Job{job(failures(2, 1))}})
	one, two, three := jobPod("1"), jobPod("2"), jobPod("3")
	for i, want := range []Harm{Counted, FailsJob, FailsJob} {
		if harm, why := jobs.Lose([]*corev1.Pod{one, two, three}[i], Disrupted); harm != want {
			t.Errorf("loss %d: harm %d (%s), want %d", i+1, harm, why, want)
		}
	}
	if harm, _ := jobs.Loss(two, Disrupted); harm != Harmless {
		t.Errorf("a pod that is lost already does harm %d", harm)
	}
	jobs.Regain(three)
	jobs.Regain(two)
	if jobs.Fails(one) {
		t.Error("the Job fails by a pod that was not lost after all")
	}
	jobs.Regain(one)
	if harm, _ := jobs.Lose(two, Disrupted); harm != Counted {
		t.Errorf("as if nothing was lost: harm %d, want %d", harm, Counted)
	}
}

// TestLossAgainstAModel draws Jobs without indexes whose pods go one after the other, and plays
// the controller: rule by rule, with each exit code that a pod may end with.
func TestLossAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var rules []batchv1.PodFailurePolicyRule
		for range rapid.IntRange(0, 3).Draw(rt, "rules") {
			action := rapid.SampledFrom([]batchv1.PodFailurePolicyAction{ignore, count, failJob}).Draw(rt, "action")
			if rapid.Bool().Draw(rt, "by condition") {
				rules = append(rules, onCondition(action, rapid.SampledFrom([]corev1.PodConditionType{disruption, "other"}).Draw(rt, "condition"), corev1.ConditionTrue))
				continue
			}
			operator := rapid.SampledFrom([]batchv1.PodFailurePolicyOnExitCodesOperator{in, notIn}).Draw(rt, "operator")
			rules = append(rules, onCodes(action, "", operator, rapid.SliceOfN(rapid.SampledFrom([]int32{1, 137, 143}), 1, 3).Draw(rt, "codes")...))
		}
		limit, failed := int32(rapid.IntRange(0, 4).Draw(rt, "limit")), int32(rapid.IntRange(0, 4).Draw(rt, "failed"))
		way := rapid.SampledFrom([]Way{Deleted, Disrupted, WithNode}).Draw(rt, "way")
		jobs := NewJobs(&Snapshot{Jobs: []*batchv1.Job{job(failures(limit, failed), withRules(rules...))}})

		action := func(code int32) batchv1.PodFailurePolicyAction {
			for _, rule := range rules {
				if conditions := rule.OnPodConditions; conditions != nil && way != Deleted && conditions[0].Type == disruption {
					return rule.Action
				}
				if codes := rule.OnExitCodes; codes != nil && way != WithNode {
					listed := strings.Contains(fmt.Sprint(codes.Values), fmt.Sprint(code))
					if listed == (codes.Operator == in) {
						return rule.Action
					}
				}
			}
			return count
		}
		worst := Harmless
		for _, code := range []int32{137, 143} {
			worst = max(worst, map[batchv1.PodFailurePolicyAction]Harm{ignore: Harmless, count: Counted, failJob: FailsJob}[action(code)])
		}
		over := false
		for i := range rapid.IntRange(1, 5).Draw(rt, "losses") {
			want := worst
			if worst == Counted {
				if failed++; failed > limit {
					want = FailsJob
				}
			}
			if over {
				want = FailsJob
			}
			over = over || want == FailsJob
			if harm, why := jobs.Lose(jobPod(fmt.Sprint(i)), way); harm != want {
				rt.Fatalf("loss %d: harm %d (%s), want %d", i, harm, why, want)
			}
		}
	})
}
