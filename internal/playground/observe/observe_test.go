package observe

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
)

func testPod(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{"app": "web", "other": "label"}},
		Spec:       corev1.PodSpec{SchedulerName: "stowage"},
		Status:     corev1.PodStatus{Phase: corev1.PodPending},
	}
	if change != nil {
		change(pod)
	}
	return pod
}

func TestObserver(t *testing.T) {
	ready := corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node"}, Status: ready}
	tainted := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "tainted"},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}}},
		Status:     ready,
	}
	early := testPod("early", func(p *corev1.Pod) { p.Spec.NodeName, p.Status.Phase = "node", corev1.PodRunning })
	client := fake.NewClientset(node, tainted, early)
	o, err := Start(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	await := func(want Counts) {
		t.Helper()
		var diff string
		err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			diff = cmp.Diff(want, o.Counts())
			return diff == "", nil
		})
		if err != nil {
			t.Fatalf("counts (-want +got):\n%s", diff)
		}
	}
	group := func(state State) Group { return Group{App: "web", Scheduler: "stowage", State: state} }
	await(Counts{Nodes: 2, NodesReady: 1, Pods: map[Group]int{group(Running): 1}})

	pods := client.CoreV1().Pods("ns")
	late, err := pods.Create(t.Context(), testPod("late", nil), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	await(Counts{Nodes: 2, NodesReady: 1, Pods: map[Group]int{group(Running): 1, group(Pending): 1}})

	late = late.DeepCopy()
	late.Spec.NodeName = "node"
	if late, err = pods.Update(t.Context(), late, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(Counts{Nodes: 2, NodesReady: 1, Pods: map[Group]int{group(Running): 1, group(Scheduled): 1}, Binds: 1})

	late = late.DeepCopy()
	late.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	if _, err = pods.Update(t.Context(), late, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(Counts{Nodes: 2, NodesReady: 1, Pods: map[Group]int{group(Running): 1, group(Terminating): 1}, Binds: 1})

	for _, name := range []string{"early", "late"} {
		if err := pods.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.CoreV1().Nodes().Delete(t.Context(), "node", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await(Counts{Nodes: 1, Pods: map[Group]int{}, Binds: 1})
}

func TestCounts(t *testing.T) {
	c := Counts{Pods: map[Group]int{
		{App: "a", State: Running}: 2,
		{App: "b", State: Running}: 3,
		{App: "b", State: Pending}: 4,
	}}
	if c.InState(Running) != 5 || c.InState(Failed) != 0 || c.Total() != 9 {
		t.Errorf("%d Running, %d Failed, %d in all; want 5, 0 and 9", c.InState(Running), c.InState(Failed), c.Total())
	}
}
