package strategies

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

func TestRemoveFailedPodsTakesPodsThatMatchAllThatIsGiven(t *testing.T) {
	failed := leavingPhase(corev1.PodFailed, "Evicted")
	const old = "the pod has failed and is 1h0m0s old"
	tests := []struct {
		name string
		args policy.RemoveFailedPodsArgs
		pod  []leavingChange
		want string
	}{
		{"a failed pod", policy.RemoveFailedPodsArgs{}, []leavingChange{failed}, old},
		{"a pod that runs stays", policy.RemoveFailedPodsArgs{}, nil, ""},
		{"a pod that has succeeded stays", policy.RemoveFailedPodsArgs{}, []leavingChange{leavingPhase(corev1.PodSucceeded, "")}, ""},
		{"a pod of exactly the age", policy.RemoveFailedPodsArgs{MinPodLifetimeSeconds: 3600}, []leavingChange{failed}, old},
		{"a pod that is a second too young", policy.RemoveFailedPodsArgs{MinPodLifetimeSeconds: 3601}, []leavingChange{failed}, ""},
		{"a pod from the future", policy.RemoveFailedPodsArgs{}, []leavingChange{failed, leavingAged(-time.Minute)}, ""},
		{"an owner of a kind that is excluded", policy.RemoveFailedPodsArgs{ExcludeOwnerKinds: []string{"Job"}}, []leavingChange{failed, leavingOwned("Job")}, ""},
		{"an owner of another kind", policy.RemoveFailedPodsArgs{ExcludeOwnerKinds: []string{"Job"}}, []leavingChange{failed, leavingOwned("ReplicaSet")}, old},
		{"a reason of the pod", policy.RemoveFailedPodsArgs{Reasons: []string{"Shutdown", "Evicted"}}, []leavingChange{failed}, old + "; the pod has the reason Evicted"},
		{"another reason", policy.RemoveFailedPodsArgs{Reasons: []string{"Shutdown"}}, []leavingChange{failed}, ""},
		{"a reason that a container ended for", policy.RemoveFailedPodsArgs{Reasons: []string{"OOMKilled"}}, []leavingChange{failed, leavingContainer("app", leavingExited("OOMKilled", 137), 0)}, old + "; container app is in OOMKilled"},
		{"a reason that a container waited for", policy.RemoveFailedPodsArgs{Reasons: []string{"CreateContainerConfigError"}}, []leavingChange{failed, leavingContainer("app", leavingWaits("CreateContainerConfigError"), 0)}, old + "; container app is in CreateContainerConfigError"},
		{"a reason of an init container", policy.RemoveFailedPodsArgs{Reasons: []string{"Error"}}, []leavingChange{failed, leavingContainer("init", leavingExited("Error", 1), 0)}, ""},
		{"a reason of an init container where they are included", policy.RemoveFailedPodsArgs{Reasons: []string{"Error"}, IncludingInitContainers: true}, []leavingChange{failed, leavingContainer("init", leavingExited("Error", 1), 0)}, old + "; container init is in Error"},
		{"an exit code", policy.RemoveFailedPodsArgs{ExitCodes: []int32{1}}, []leavingChange{failed, leavingContainer("app", leavingExited("", 1), 0)}, old + "; container app exited with code 1"},
		{"another exit code", policy.RemoveFailedPodsArgs{ExitCodes: []int32{2}}, []leavingChange{failed, leavingContainer("app", leavingExited("", 1), 0)}, ""},
		{"an exit code of an init container", policy.RemoveFailedPodsArgs{ExitCodes: []int32{1}}, []leavingChange{failed, leavingContainer("init", leavingExited("", 1), 0)}, ""},
		{"an exit code of an init container where they are included", policy.RemoveFailedPodsArgs{ExitCodes: []int32{1}, IncludingInitContainers: true}, []leavingChange{failed, leavingContainer("init", leavingExited("", 1), 0)}, old + "; container init exited with code 1"},
		{"a reason without the exit code", policy.RemoveFailedPodsArgs{Reasons: []string{"Error"}, ExitCodes: []int32{2}}, []leavingChange{failed, leavingContainer("app", leavingExited("Error", 1), 0)}, ""},
		{"another namespace", policy.RemoveFailedPodsArgs{PodSelection: policy.PodSelection{Namespaces: &policy.Namespaces{Exclude: []string{"shop"}}}}, []leavingChange{failed}, ""},
		{"a node that the policy does not look at", policy.RemoveFailedPodsArgs{}, []leavingChange{failed, leavingOnNode("n2")}, ""},
		{"no node", policy.RemoveFailedPodsArgs{}, []leavingChange{failed, leavingOnNode("")}, old},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkReason(t, NewRemoveFailedPods, &tt.args, leavingTestPod("p", tt.pod...), tt.want)
		})
	}
}

func TestRemoveFailedPodsRemovesTheOldestFirst(t *testing.T) {
	failed := leavingPhase(corev1.PodFailed, "")
	session := leavingSession(
		leavingTestPod("b", failed), leavingTestPod("a", failed), leavingTestPod("old", failed, leavingAged(2*time.Hour)), leavingTestPod("runs"),
	)
	runLeaving(t, NewRemoveFailedPods, &policy.RemoveFailedPodsArgs{}, session)
	want := []string{
		"shop/old n1>: the pod has failed and is 2h0m0s old",
		"shop/a n1>: the pod has failed and is 1h0m0s old",
		"shop/b n1>: the pod has failed and is 1h0m0s old",
	}
	if diff := cmp.Diff(want, session.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}
