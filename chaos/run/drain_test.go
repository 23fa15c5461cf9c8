package run

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestDraining(t *testing.T) {
	pod := func(name, node, kind string, annotations map[string]string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Annotations: annotations}, Spec: corev1.PodSpec{NodeName: node}}
		if kind != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "owner", UID: "owner", Controller: ptr.To(true)}}
		}
		return p
	}
	picture := target.NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
		pod("web", "a", "ReplicaSet", nil),
		pod("marked", "a", "ReplicaSet", map[string]string{"karpenter.sh/do-not-disrupt": "true"}),
		pod("not-safe", "a", "StatefulSet", map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}),
		pod("bare", "a", "", nil), pod("agent", "a", "DaemonSet", nil), pod("elsewhere", "b", "ReplicaSet", nil),
	}}, time.Unix(0, 0))
	for _, tt := range []struct {
		name string
		how  fault.Draining
		want []string
		left map[string]int
	}{
		{
			name: "pods that are marked not to be disrupted stay", want: []string{"web"},
			left: map[string]int{"no controller would replace them": 1, "annotation karpenter.sh/do-not-disrupt": 1, "annotation cluster-autoscaler.kubernetes.io/safe-to-evict": 1},
		},
		{name: "pods that came after the plan stay", how: fault.Draining{Pods: sets.New[types.UID]("web", "elsewhere")}, want: []string{"web"}, left: map[string]int{}},
		{name: "unless they are asked for", how: fault.Draining{IncludeDoNotDisrupt: true}, want: []string{"web", "marked", "not-safe"}, left: map[string]int{"no controller would replace them": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pods, left := draining(picture, map[string]bool{"a": true}, tt.how)
			var names []string
			for _, pod := range pods {
				names = append(names, pod.Name)
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("pods to evict (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Errorf("pods that stay (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNodesThatAreReplaced has nodes come back under their names while a fault goes on.
func TestNodesThatAreReplaced(t *testing.T) {
	node := func(name, uid string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}}
	}
	drawn := []*corev1.Node{node("stays", "1"), node("back", "2"), node("gone", "3")}
	picture := target.NewPicture(&cluster.Snapshot{Nodes: []*corev1.Node{node("stays", "1"), node("back", "20"), node("other", "4")}}, time.Unix(0, 0))
	if diff := cmp.Diff(map[string]bool{"stays": true, "gone": true}, unreplaced(picture, drawn)); diff != "" {
		t.Errorf("nodes that the fault is about (-want +got):\n%s", diff)
	}
}

// TestPodsThatAreLostWithTheirNode leaves out those that were on their way already: they are no
// loss of the run, and to wait for it would be in vain.
func TestPodsThatAreLostWithTheirNode(t *testing.T) {
	pod := func(name string, change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: "a"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		}
		change(p)
		return p
	}
	picture := target.NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
		pod("runs", func(*corev1.Pod) {}),
		pod("waits", func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }),
		pod("terminates", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(30, 0)} }),
		pod("has-ended", func(p *corev1.Pod) { p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"} }),
		pod("elsewhere", func(p *corev1.Pod) { p.Spec.NodeName = "b" }),
	}}, time.Unix(0, 0))
	observer := recovery.New(recovery.Options{Workload: func(*corev1.Pod) *cluster.Workload { return nil }, Sink: func(journal.Record) {}})
	for _, p := range picture.Pods {
		observer.Pod(nil, p, picture.Now)
	}
	observer.Begin(picture.Now)
	e := &engine{observer: observer, down: map[string]bool{}}
	n := e.lose(picture, []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}})
	for _, p := range picture.Pods {
		observer.Pod(p, nil, time.Unix(1, 0))
	}
	if got := observer.Summary().Drawn; n != 2 || got != n {
		t.Errorf("%d pods are expected to be lost and %d were, want 2", n, got)
	}
}
