package strategies

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

func TestPodLifeTimeTakesPodsThatMatchAllThatIsGiven(t *testing.T) {
	seconds := func(n uint) *uint { return &n }
	condition := func(kind corev1.PodConditionType, status corev1.ConditionStatus, reason string, ago time.Duration) leavingChange {
		return func(pod *corev1.Pod) {
			c := corev1.PodCondition{Type: kind, Status: status, Reason: reason}
			if ago != 0 {
				c.LastTransitionTime = metav1.NewTime(leavingNow.Add(-ago))
			}
			pod.Status.Conditions = append(pod.Status.Conditions, c)
		}
	}
	crash := leavingContainer("app", leavingWaits("CrashLoopBackOff"), 3)
	tests := []struct {
		name string
		args policy.PodLifeTimeArgs
		pod  []leavingChange
		want string
	}{
		{"a pod over the age", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(3599)}, nil, "the pod is 1h0m0s old, more than 59m59s"},
		{"a pod of exactly the age stays", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(3600)}, nil, ""},
		{"part of a second does not count", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(3600)}, []leavingChange{leavingAged(time.Hour + 999*time.Millisecond)}, ""},
		{"a pod from the future stays", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(0), States: []string{"Running"}}, []leavingChange{leavingAged(-time.Minute)}, ""},
		{"a phase", policy.PodLifeTimeArgs{States: []string{"Pending", "Running"}}, nil, "the pod is Running"},
		{"another phase", policy.PodLifeTimeArgs{States: []string{"Pending"}}, nil, ""},
		{"a reason of the pod", policy.PodLifeTimeArgs{States: []string{"Shutdown"}}, []leavingChange{leavingPhase(corev1.PodFailed, "Shutdown")}, "the pod is Failed: Shutdown"},
		{"what a container waits for", policy.PodLifeTimeArgs{States: []string{"CrashLoopBackOff"}}, []leavingChange{crash}, "container app is in CrashLoopBackOff"},
		{"what a container has ended with", policy.PodLifeTimeArgs{States: []string{"OOMKilled"}}, []leavingChange{leavingContainer("app", leavingExited("OOMKilled", 137), 0)}, "container app is in OOMKilled"},
		{"init containers do not count", policy.PodLifeTimeArgs{States: []string{"Error"}}, []leavingChange{leavingContainer("init", leavingExited("Error", 1), 0)}, ""},
		{"init containers count where they are included", policy.PodLifeTimeArgs{States: []string{"Error"}, IncludingInitContainers: true}, []leavingChange{leavingContainer("init", leavingExited("Error", 1), 0)}, "container init is in Error"},
		{"ephemeral containers do not count", policy.PodLifeTimeArgs{States: []string{"Error"}, IncludingInitContainers: true}, []leavingChange{leavingContainer("ephemeral", leavingExited("Error", 1), 0)}, ""},
		{"ephemeral containers count where they are included", policy.PodLifeTimeArgs{States: []string{"Error"}, IncludingEphemeralContainers: true}, []leavingChange{leavingContainer("ephemeral", leavingExited("Error", 1), 0)}, "container ephemeral is in Error"},
		{"an exit code", policy.PodLifeTimeArgs{ExitCodes: []int32{1, 137}}, []leavingChange{leavingContainer("app", leavingExited("", 137), 0)}, "container app exited with code 137"},
		{"an exit code before the last start stays", policy.PodLifeTimeArgs{ExitCodes: []int32{137}}, []leavingChange{func(pod *corev1.Pod) {
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "app", LastTerminationState: leavingExited("", 137)}}
		}}, ""},
		{"exit codes of init containers do not count", policy.PodLifeTimeArgs{ExitCodes: []int32{1}}, []leavingChange{leavingContainer("init", leavingExited("", 1), 0)}, ""},
		{"exit codes of init containers count where they are included", policy.PodLifeTimeArgs{ExitCodes: []int32{1}, IncludingInitContainers: true}, []leavingChange{leavingContainer("init", leavingExited("", 1), 0)}, "container init exited with code 1"},
		{"exit codes of ephemeral containers never count", policy.PodLifeTimeArgs{ExitCodes: []int32{1}, IncludingEphemeralContainers: true}, []leavingChange{leavingContainer("ephemeral", leavingExited("", 1), 0)}, ""},
		{"no exit code is not the code 0", policy.PodLifeTimeArgs{ExitCodes: []int32{0}}, []leavingChange{crash}, ""},
		{"a condition in all that is given", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{Type: "Ready", Status: "False", Reason: "Lost", MinTimeSinceLastTransitionSeconds: seconds(60)}}},
			[]leavingChange{condition("Ready", "False", "Lost", time.Minute)}, "condition Ready is False (Lost) for 1m0s"},
		{"a condition of another type", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{Type: "Ready", Status: "False"}}}, []leavingChange{condition("Initialized", "False", "", 0)}, ""},
		{"a condition of another status", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{Type: "Ready", Status: "False"}}}, []leavingChange{condition("Ready", "True", "", 0)}, ""},
		{"a condition for another reason", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{Type: "Ready", Reason: "Lost"}}}, []leavingChange{condition("Ready", "False", "Found", 0)}, ""},
		{"a condition that is new", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{MinTimeSinceLastTransitionSeconds: seconds(60)}}}, []leavingChange{condition("Ready", "False", "", 59*time.Second)}, ""},
		{"a condition of which the age is not known", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{MinTimeSinceLastTransitionSeconds: seconds(0)}}}, []leavingChange{condition("Ready", "False", "", 0)}, ""},
		{"one of several conditions", policy.PodLifeTimeArgs{Conditions: []policy.PodCondition{{Type: "Initialized"}, {Reason: "Lost"}}}, []leavingChange{condition("Ready", "True", "", 0), condition("Ready", "False", "Lost", 0)}, "condition Ready is False (Lost)"},
		{"an owner of a kind", policy.PodLifeTimeArgs{States: []string{"Running"}, OwnerKinds: &policy.OwnerKinds{Include: []string{"Job"}}}, []leavingChange{leavingOwned("Other"), leavingOwned("Job")}, "the pod is Running"},
		{"no owner of the kind", policy.PodLifeTimeArgs{States: []string{"Running"}, OwnerKinds: &policy.OwnerKinds{Include: []string{"Job"}}}, []leavingChange{leavingOwned("ReplicaSet")}, ""},
		{"an owner of a kind that is excluded", policy.PodLifeTimeArgs{States: []string{"Running"}, OwnerKinds: &policy.OwnerKinds{Exclude: []string{"Job"}}}, []leavingChange{leavingOwned("Other"), leavingOwned("Job")}, ""},
		{"no owner at all where kinds are excluded", policy.PodLifeTimeArgs{States: []string{"Running"}, OwnerKinds: &policy.OwnerKinds{Exclude: []string{"Job"}}}, nil, "the pod is Running"},
		{"all that is given, together", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(60), States: []string{"CrashLoopBackOff"}, ExitCodes: []int32{1}},
			[]leavingChange{crash, leavingContainer("side", leavingExited("", 1), 0)}, "the pod is 1h0m0s old, more than 1m0s; container app is in CrashLoopBackOff; container side exited with code 1"},
		{"all that is given but one", policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: seconds(60), States: []string{"CrashLoopBackOff"}, ExitCodes: []int32{2}},
			[]leavingChange{crash, leavingContainer("side", leavingExited("", 1), 0)}, ""},
		{"another namespace", policy.PodLifeTimeArgs{States: []string{"Running"}, PodSelection: policy.PodSelection{Namespaces: &policy.Namespaces{Include: []string{"other"}}}}, nil, ""},
		{"other labels", policy.PodLifeTimeArgs{States: []string{"Running"}, PodSelection: policy.PodSelection{LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}}, nil, ""},
		{"a node that the policy does not look at", policy.PodLifeTimeArgs{States: []string{"Running"}}, []leavingChange{leavingOnNode("n2")}, ""},
		{"a node that is not there", policy.PodLifeTimeArgs{States: []string{"Running"}}, []leavingChange{leavingOnNode("gone")}, ""},
		{"a pod that waits for a node stays", policy.PodLifeTimeArgs{States: []string{"Pending"}}, []leavingChange{leavingOnNode(""), leavingPhase(corev1.PodPending, "")}, ""},
		{"a pod that has a node and cannot start", policy.PodLifeTimeArgs{States: []string{"Pending"}}, []leavingChange{leavingPhase(corev1.PodPending, "")}, "the pod is Pending"},
		{"a pod that has failed before it had a node", policy.PodLifeTimeArgs{States: []string{"Failed"}}, []leavingChange{leavingOnNode(""), leavingPhase(corev1.PodFailed, "")}, "the pod is Failed"},
		{"a pod that is on its way out stays", policy.PodLifeTimeArgs{States: []string{"Running"}}, []leavingChange{func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: leavingNow} }}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkReason(t, NewPodLifeTime, &tt.args, leavingTestPod("p", tt.pod...), tt.want)
		})
	}
}

func TestPodLifeTimeStartsRunningPodsAnewAndRemovesThoseThatHaveEnded(t *testing.T) {
	session := leavingSession(
		leavingTestPod("done", leavingPhase(corev1.PodSucceeded, ""), leavingAged(3*time.Hour)),
		leavingTestPod("kept", leavingAged(4*time.Hour)),
		leavingTestPod("runs"),
		leavingTestPod("failed", leavingPhase(corev1.PodFailed, ""), leavingAged(2*time.Hour)),
	)
	session.Keep = func(pod *corev1.Pod) string {
		if pod.Name == "kept" {
			return "it stays"
		}
		return ""
	}
	asked := &askedSession{Session: session}
	runLeaving(t, NewPodLifeTime, &policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: new(uint)}, asked)
	want := []string{
		"shop/done n1>: the pod is 3h0m0s old, more than 0s",
		"shop/failed n1>: the pod is 2h0m0s old, more than 0s",
		"shop/runs n1>n1: the pod is 1h0m0s old, more than 0s",
	}
	if diff := gocmp.Diff(want, session.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"shop/kept NotEvictable"}, session.Refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	if len(asked.proposals) != len(want) {
		t.Errorf("%d proposals, want none of the pod that is not evictable", len(asked.proposals))
	}
}

func TestPodLifeTimeStopsWhenTheRunIsFull(t *testing.T) {
	session := leavingSession(leavingTestPod("c"), leavingTestPod("b"), leavingTestPod("a"))
	session.Limit = 1
	runLeaving(t, NewPodLifeTime, &policy.PodLifeTimeArgs{States: []string{"Running"}}, session)
	if diff := gocmp.Diff([]string{"shop/a n1>n1: the pod is Running"}, session.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"shop/b OverLimit"}, session.Refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

// TestPodLifeTimeTakesTheOldestFirst draws pods of any age, and wants those above the
// limit in order, whatever order the picture has them in.
func TestPodLifeTimeTakesTheOldestFirst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := uint(rapid.IntRange(0, 10).Draw(rt, "limit"))
		var pods []*corev1.Pod
		for i := range rapid.IntRange(0, 8).Draw(rt, "pods") {
			age := time.Duration(rapid.IntRange(0, 12).Draw(rt, "age")) * time.Second
			pods = append(pods, leavingTestPod(fmt.Sprintf("p%d", i), leavingAged(age)))
		}
		session := leavingSession(rapid.Permutation(pods).Draw(rt, "order")...)
		runLeaving(t, NewPodLifeTime, &policy.PodLifeTimeArgs{MaxPodLifeTimeSeconds: &limit}, session)

		slices.SortFunc(pods, func(a, b *corev1.Pod) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
		var want []string
		for _, pod := range pods {
			if age := leavingNow.Sub(pod.CreationTimestamp.Time); age > time.Duration(limit)*time.Second {
				want = append(want, fmt.Sprintf("shop/%s n1>n1: the pod is %s old, more than %s", pod.Name, age, time.Duration(limit)*time.Second))
			}
		}
		if diff := gocmp.Diff(want, session.Moves); diff != "" {
			rt.Fatalf("moves (-want +got):\n%s", diff)
		}
	})
}
