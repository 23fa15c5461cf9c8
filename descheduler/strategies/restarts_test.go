package strategies

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

func TestTooManyRestartsTakesPodsThatMatchAllThatIsGiven(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	const five = "its restart count is 5, and podRestartThreshold is 5"
	tests := []struct {
		name string
		args policy.RemovePodsHavingTooManyRestartsArgs
		pod  []leavingChange
		want string
	}{
		{"as many restarts as are too many", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, 5)}, five},
		{"one restart fewer", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, 4)}, ""},
		{"the restarts of all containers count together", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, 2), leavingContainer("side", running, 3)}, five},
		{"more restarts than 32 bits hold", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, math.MaxInt32), leavingContainer("side", running, 1)}, "its restart count is 2147483648, and podRestartThreshold is 5"},
		{"init containers do not count", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, 4), leavingContainer("init", running, 1)}, ""},
		{"init containers count where they are included", policy.RemovePodsHavingTooManyRestartsArgs{IncludingInitContainers: true}, []leavingChange{leavingContainer("app", running, 4), leavingContainer("init", running, 1)}, five},
		{"ephemeral containers never count", policy.RemovePodsHavingTooManyRestartsArgs{IncludingInitContainers: true}, []leavingChange{leavingContainer("ephemeral", running, 5)}, ""},
		{"a phase", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"Running"}}, []leavingChange{leavingContainer("app", running, 5)}, five + "; the pod is Running"},
		{"what a container waits for", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"CrashLoopBackOff"}}, []leavingChange{leavingContainer("app", leavingWaits("CrashLoopBackOff"), 5)}, five + "; container app is in CrashLoopBackOff"},
		{"a container that runs again", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"CrashLoopBackOff"}}, []leavingChange{leavingContainer("app", running, 5)}, ""},
		{"what a container ended with does not count", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"CrashLoopBackOff"}}, []leavingChange{leavingContainer("app", leavingExited("CrashLoopBackOff", 1), 5)}, ""},
		{"what an init container waits for", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"CrashLoopBackOff"}}, []leavingChange{leavingContainer("app", running, 5), leavingContainer("init", leavingWaits("CrashLoopBackOff"), 0)}, ""},
		{"what an init container waits for where they are included", policy.RemovePodsHavingTooManyRestartsArgs{States: []string{"CrashLoopBackOff"}, IncludingInitContainers: true}, []leavingChange{leavingContainer("app", running, 5), leavingContainer("init", leavingWaits("CrashLoopBackOff"), 0)}, five + "; container init is in CrashLoopBackOff"},
		{"another namespace", policy.RemovePodsHavingTooManyRestartsArgs{PodSelection: policy.PodSelection{Namespaces: &policy.Namespaces{Include: []string{"other"}}}}, []leavingChange{leavingContainer("app", running, 5)}, ""},
		{"a node that the policy does not look at", policy.RemovePodsHavingTooManyRestartsArgs{}, []leavingChange{leavingContainer("app", running, 5), leavingOnNode("n2")}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.args.PodRestartThreshold = 5
			checkReason(t, NewRemovePodsHavingTooManyRestarts, &tt.args, leavingTestPod("p", tt.pod...), tt.want)
		})
	}
}

func TestTooManyRestartsTakesThoseWithTheMostFirst(t *testing.T) {
	restarted := func(times int32) leavingChange { return leavingContainer("app", corev1.ContainerState{}, times) }
	session := leavingSession(
		leavingTestPod("some", restarted(7)),
		leavingTestPod("most", restarted(9)),
		leavingTestPod("older", restarted(7), leavingAged(2*time.Hour)),
		leavingTestPod("ended", restarted(8), leavingPhase(corev1.PodFailed, "")),
		leavingTestPod("few", restarted(1)),
	)
	runLeaving(t, NewRemovePodsHavingTooManyRestarts, &policy.RemovePodsHavingTooManyRestartsArgs{PodRestartThreshold: 7}, session)
	want := []string{
		"shop/most n1>n1: its restart count is 9, and podRestartThreshold is 7",
		"shop/ended n1>: its restart count is 8, and podRestartThreshold is 7",
		"shop/older n1>n1: its restart count is 7, and podRestartThreshold is 7",
		"shop/some n1>n1: its restart count is 7, and podRestartThreshold is 7",
	}
	if diff := cmp.Diff(want, session.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}
