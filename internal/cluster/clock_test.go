package cluster

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestNewest(t *testing.T) {
	begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(minutes int) metav1.Time {
		return metav1.Time{Time: begin.Add(time.Duration(minutes) * time.Minute)}
	}
	const limit = 1000
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
		// others are objects besides nodes and pods.
		others Snapshot
		want   int
		known  bool
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
		{name: "when a pod was asked to go tells", pod: pod(func(p *corev1.Pod) {
			deleted := at(90)
			p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &deleted, ptr.To[int64](30*60)
		}), want: 60, known: true},
		{name: "a kubelet's clock may be ahead", nodes: []*corev1.Node{node(at(0), at(65)), node(at(0), at(limit+1))}, pod: pod(func(*corev1.Pod) {}), want: 65, known: true},
		{
			name: "without heartbeats it is when a condition of a node changed, whatever others say", pod: pod(func(*corev1.Pod) {}), want: 5, known: true,
			nodes:  []*corev1.Node{{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{LastTransitionTime: at(5)}}}}},
			others: Snapshot{Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(70)}}}},
		},
		{name: "or when a node was created", nodes: []*corev1.Node{node(at(6), metav1.Time{})}, pod: pod(func(*corev1.Pod) {}), want: 6, known: true},
		{
			name: "where nodes say nothing, when another object was created tells", pod: pod(func(*corev1.Pod) {}), want: 70, known: true,
			others: Snapshot{Namespaces: []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at(70)}}}},
		},
		{
			name: "or when a condition of one changed", pod: pod(func(*corev1.Pod) {}), want: 8, known: true,
			others: Snapshot{Deployments: []*appsv1.Deployment{{Status: appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{LastUpdateTime: at(8), LastTransitionTime: at(7)}}}}}},
		},
		{
			name: "or when one ended", pod: pod(func(*corev1.Pod) {}), want: 9, known: true,
			others: Snapshot{Jobs: []*batchv1.Job{{Status: batchv1.JobStatus{CompletionTime: ptr.To(at(9))}}}},
		},
		{name: "times that are all the same tell no ages", nodes: []*corev1.Node{node(at(0), at(0))}, pod: pod(func(*corev1.Pod) {})},
		{name: "times that are not there tell nothing", nodes: []*corev1.Node{node(metav1.Time{}, metav1.Time{})}, pod: &corev1.Pod{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			picture := tt.others
			picture.Nodes, picture.Pods = tt.nodes, []*corev1.Pod{tt.pod}
			got, known := picture.Newest(at(limit).Time)
			if known != tt.known || known && !got.Equal(at(tt.want).Time) {
				t.Errorf("it is %s, %v; want %s, %v", got, known, at(tt.want), tt.known)
			}
		})
	}
}
