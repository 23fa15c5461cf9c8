package cluster

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNewest(t *testing.T) {
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) metav1.Time {
		return metav1.Time{Time: begin.Add(time.Duration(minutes) * time.Minute)}
	}
	node := func(created, heartbeat metav1.Time) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{LastHeartbeatTime: heartbeat}}}}
	}
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(0)}}
		change(p)
		return p
	}
	for _, tt := range []struct {
		name  string
		nodes []*corev1.Node
		pod   *corev1.Pod
		want  int
		known bool
	}{
		{name: "a node reports last", nodes: []*corev1.Node{node(at(0), at(60)), node(at(0), at(65))}, pod: pod(func(*corev1.Pod) {}), want: 65, known: true},
		{name: "a pod was created last", nodes: []*corev1.Node{node(at(0), at(1))}, pod: pod(func(p *corev1.Pod) { p.CreationTimestamp = at(3) }), want: 3, known: true},
		{name: "a condition changed last", pod: pod(func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{LastTransitionTime: at(2)}}
		}), want: 2, known: true},
		{name: "a container started last", pod: pod(func(p *corev1.Pod) {
			started := at(1)
			p.Status.StartTime = &started
			p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(4)}}}}
		}), want: 4, known: true},
		{name: "a container ended last", pod: pod(func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{StartedAt: at(4), FinishedAt: at(5)}}}}
		}), want: 5, known: true},
		{name: "when a pod is to be gone lies ahead, and when a node was created may be of another clock", nodes: []*corev1.Node{node(at(100), at(1))}, pod: pod(func(p *corev1.Pod) {
			deleted := at(90)
			p.DeletionTimestamp = &deleted
		}), want: 1, known: true},
		{name: "times that are all the same tell no ages", nodes: []*corev1.Node{node(at(0), at(0))}, pod: pod(func(*corev1.Pod) {})},
		{name: "times that are not there tell nothing", nodes: []*corev1.Node{node(metav1.Time{}, metav1.Time{})}, pod: &corev1.Pod{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, known := (&Snapshot{Nodes: tt.nodes, Pods: []*corev1.Pod{tt.pod}}).Newest()
			if known != tt.known || known && !got.Equal(at(tt.want).Time) {
				t.Errorf("it is %s, %v; want %s, %v", got, known, at(tt.want), tt.known)
			}
		})
	}
}
