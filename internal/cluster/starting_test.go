package cluster

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestCannotStart(t *testing.T) {
	status := func(state corev1.ContainerState) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "main", State: state}}
	}
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	ended := func(code int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code}}
	}
	lost := func(code int32, reason string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	again := func(started bool, last corev1.ContainerState) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "main", State: running, RestartCount: 20, LastTerminationState: last, Started: &started}}
	}
	refused := []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}
	gated := []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated}}
	tests := []struct {
		name         string
		node         string
		status       corev1.PodStatus
		init, states []corev1.ContainerStatus
		sidecar      bool
		want         string
	}{
		{name: "a pod that waits for the scheduler"},
		{name: "one that waits for a gate", status: corev1.PodStatus{Conditions: gated}},
		{name: "one that no node takes", status: corev1.PodStatus{Conditions: refused}, want: "no node takes it"},
		{name: "one that others are pushed out for", status: corev1.PodStatus{Conditions: refused, NominatedNodeName: "up"}},
		{name: "one that its kubelet has not seen", node: "up"},
		{name: "one whose images are pulled", node: "up", states: status(waiting("ContainerCreating"))},
		{name: "one whose init containers run", node: "up", init: status(running), states: status(waiting("PodInitializing"))},
		{name: "one whose init containers are done", node: "up", init: status(ended(0)), states: status(waiting("PodInitializing"))},
		{name: "one on a node that is not Ready", node: "down", states: status(waiting("ContainerCreating")), want: "its node down is not Ready"},
		{name: "one on a node that is gone", node: "gone", want: "its node gone is gone"},
		{name: "one without its image", node: "up", states: status(waiting("ImagePullBackOff")), want: "its container main waits: ImagePullBackOff"},
		{name: "one that cannot be configured", node: "up", states: status(waiting("CreateContainerConfigError")), want: "its container main waits: CreateContainerConfigError"},
		{name: "one whose init container crashes", node: "up", init: status(waiting("CrashLoopBackOff")), states: status(waiting("PodInitializing")), want: "its container main waits: CrashLoopBackOff"},
		{name: "one whose init container has just crashed", node: "up", init: status(ended(1)), want: "its container main ended with exit code 1"},
		{name: "one whose init container is between two crashes", node: "up", init: again(true, ended(1)), want: "its container main fails repeatedly (restarts: 20)"},
		{name: "one whose init container runs again, nobody knows why", node: "up", init: again(true, corev1.ContainerState{}), want: "its container main fails repeatedly (restarts: 20)"},
		{name: "one whose init container was done before its node went down", node: "up", init: again(true, ended(0))},
		{name: "one that was lost with its node, which is back", node: "up", states: append(again(true, lost(255, "Unknown")), status(waiting("ContainerCreating"))...)},
		{name: "one whose end its kubelet has not seen", node: "up", init: status(lost(137, "ContainerStatusUnknown"))},
		{name: "one whose sidecar has failed, and is up", node: "up", sidecar: true, init: again(true, ended(1))},
		{name: "one whose sidecar does not come up", node: "up", sidecar: true, init: again(false, ended(1)), want: "its container main fails repeatedly (restarts: 20)"},
		{name: "one that has come up, whatever it waits for now", node: "down", status: corev1.PodStatus{Phase: corev1.PodRunning}, states: status(waiting("CrashLoopBackOff"))},
	}
	ready := []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	nodes := map[string]*corev1.Node{
		"up":   {ObjectMeta: metav1.ObjectMeta{Name: "up"}, Status: corev1.NodeStatus{Conditions: ready}},
		"down": {ObjectMeta: metav1.ObjectMeta{Name: "down"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: tt.node}, Status: tt.status}
			if pod.Status.Phase == "" {
				pod.Status.Phase = corev1.PodPending
			}
			if tt.sidecar {
				pod.Spec.InitContainers = []corev1.Container{{Name: "main", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
			}
			pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses = tt.init, tt.states
			if got := CannotStart(pod, nodes[tt.node]); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestLeaving(t *testing.T) {
	evicting := metav1.ObjectMeta{Annotations: map[string]string{EvictionInProgressAnnotation: "kubevirt"}}
	tests := []struct {
		name string
		pod  corev1.Pod
		want bool
	}{
		{name: "a pod that stays"},
		{name: "one that is being deleted", pod: corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{}}}, want: true},
		{name: "one whose eviction goes on in the background", pod: corev1.Pod{ObjectMeta: evicting}, want: true},
		{name: "one whose eviction has ended with its work", pod: corev1.Pod{ObjectMeta: evicting, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Leaving(&tt.pod); got != tt.want {
				t.Errorf("leaving: %v, want %v", got, tt.want)
			}
		})
	}
}
