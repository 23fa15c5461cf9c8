package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

func TestBindsTheirOwnPodsOnly(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	ours := createPod(t, ns, newPod("ours", schedulerName, "100m"))
	theirs := createPod(t, ns, newPod("theirs", "", "100m"))
	nobodys := createPod(t, ns, newPod("nobodys", "somebody-else", "100m"))
	for pod, scheduler := range map[*corev1.Pod]string{ours: "stowage", theirs: "default-scheduler"} {
		node := awaitRunning(t, ns, pod.Name).Spec.NodeName
		eventually(t, pod.Name+" has its event", func(ctx context.Context) (bool, string) {
			want := map[string][]string{scheduler: {fmt.Sprintf("Successfully assigned %s/%s to %s", ns, pod.Name, node)}}
			diff := cmp.Diff(want, eventNotes(ctx, pod, "Scheduled"))
			return diff == "", diff
		})
	}
	left, err := client.CoreV1().Pods(ns).Get(t.Context(), nobodys.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if left.Spec.NodeName != "" || len(left.Status.Conditions) > 0 {
		t.Errorf("the pod of another scheduler got node %q and conditions %v", left.Spec.NodeName, left.Status.Conditions)
	}
}

func TestPacks(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	eventually(t, "earlier tests' pods are gone", func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		var left []string
		for _, pod := range list.Items {
			left = append(left, fmt.Sprintf("%s/%s on %q", pod.Namespace, pod.Name, pod.Spec.NodeName))
		}
		return len(left) == 0, fmt.Sprint(left)
	})
	ns := namespace(t)
	nodes := map[string]int{}
	const pods = 16 // of half a cpu each: one node of 8 cpus holds them all
	for i := range pods {
		createPod(t, ns, newPod(fmt.Sprintf("small-%d", i), schedulerName, "500m"))
	}
	for i := range pods {
		nodes[awaitRunning(t, ns, fmt.Sprintf("small-%d", i)).Spec.NodeName]++
	}
	if len(nodes) != 1 {
		t.Errorf("%d pods that fit on one node are on %v", pods, nodes)
	}
}

func TestSecondReplicaTakesOver(t *testing.T) {
	// Whether it is killed or cannot renew so short a lease, another takes its place.
	first := startReplica(t, "first", "--leader-elect-lease-duration", "4s", "--leader-elect-renew-deadline", "3s")
	playgroundtest.StopAfter(t, first)
	leading := awaitLeader(t, "")
	startScheduler(t, "second")
	ns := namespace(t)
	createPod(t, ns, newPod("before", schedulerName, "100m"))
	awaitRunning(t, ns, "before")
	first.Kill()
	createPod(t, ns, newPod("after", schedulerName, "100m"))
	awaitLeader(t, leading)
	awaitRunning(t, ns, "after")
}

func TestSaysWhyAPodDoesNotFit(t *testing.T) {
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	ns := namespace(t)
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod := createPod(t, ns, newPod("large", schedulerName, "100"))
	// Two nodes have GPUs, and a taint that keeps the pod off.
	want := fmt.Sprintf("0/%d nodes are available: %d Insufficient cpu, 2 node(s) had untolerated taint(s).", len(nodes.Items), len(nodes.Items)-2)
	eventually(t, "an event says why", func(ctx context.Context) (bool, string) {
		notes := eventNotes(ctx, pod, "FailedScheduling")
		found := notes[schedulerName]
		// Two attempts within a few ms may be two events: the recorder counts the second
		// in the first's series, does not find that yet, and creates it anew.
		return len(notes) == 1 && len(found) > 0 && !slices.ContainsFunc(found, func(note string) bool {
			return !strings.HasPrefix(note, "0/")
		}), fmt.Sprint(notes)
	})
	// The event keeps the words of the first attempt, the condition has the last one's.
	eventually(t, "the condition says why", func(ctx context.Context) (bool, string) {
		now, err := client.CoreV1().Pods(ns).Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return slices.ContainsFunc(now.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && strings.HasPrefix(c.Message, want)
		}), fmt.Sprint(now.Status.Conditions)
	})
	large := corev1.ResourceList{"cpu": resource.MustParse("128"), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: map[string]string{corev1.LabelHostname: ns}, Annotations: map[string]string{pool.FakeAnnotation: pool.Fake}},
		Status:     corev1.NodeStatus{Capacity: large, Allocatable: large},
	}
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deleteNode(t, node.Name) })
	if got := awaitRunning(t, ns, "large").Spec.NodeName; got != node.Name {
		t.Errorf("the pod is on %s", got)
	}
}

func TestUnknownPriority(t *testing.T) {
	ns := namespace(t)
	pod := newPod("unheard-of", schedulerName, "100m")
	pod.Spec.PriorityClassName = "unheard-of"
	if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err == nil || !strings.Contains(err.Error(), "no PriorityClass with name unheard-of was found") {
		t.Errorf("creating a pod of an unknown priority: %v", err)
	}
	// A class may go while a pod of it waits: the pod keeps its priority.
	classes := client.SchedulingV1().PriorityClasses()
	if _, err := classes.Create(t.Context(), &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "passing"}, Value: 1000}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod = newPod("left-over", schedulerName, "100m")
	pod.Spec.PriorityClassName = "passing"
	playgroundtest.AwaitAdmission(t, client, ns, pod, true)
	createPod(t, ns, pod)
	if err := classes.Delete(t.Context(), "passing", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	startScheduler(t, "scheduler")
	if got := awaitRunning(t, ns, "left-over").Spec.Priority; got == nil || *got != 1000 {
		t.Errorf("priority %v, want 1000", got)
	}
}

// binds records every node that a pod is ever seen on.
type binds struct {
	mu    sync.Mutex
	nodes map[types.UID][]string
}

// watchBinds follows a namespace until the test ends.
func watchBinds(t *testing.T, ns string) *binds {
	t.Helper()
	b := &binds{nodes: map[types.UID][]string{}}
	followPods(t, ns, func(_, pod *corev1.Pod) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if pod != nil && pod.Spec.NodeName != "" && !slices.Contains(b.nodes[pod.UID], pod.Spec.NodeName) {
			b.nodes[pod.UID] = append(b.nodes[pod.UID], pod.Spec.NodeName)
		}
	})
	return b
}

// seen returns how many pods have been seen on a node, and on how many nodes each.
func (b *binds) seen() (pods int, nodesEach []int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	each := map[int]bool{}
	for _, nodes := range b.nodes {
		each[len(nodes)] = true
	}
	return len(b.nodes), slices.Sorted(maps.Keys(each))
}

// TestKilledWithPodsPending kills the scheduler while it works off 1,000 pods,
// takes a node away, and starts it again: every pod is bound, once.
func TestKilledWithPodsPending(t *testing.T) {
	const pods = 1000
	ns := namespace(t)
	seen := watchBinds(t, ns)
	errs := make(chan error, pods)
	workqueue.ParallelizeUntil(t.Context(), 16, pods, func(i int) {
		if _, err := client.CoreV1().Pods(ns).Create(t.Context(), newPod(fmt.Sprintf("pod-%04d", i), schedulerName, "50m"), metav1.CreateOptions{}); err != nil {
			errs <- err
		}
	})
	if len(errs) > 0 {
		t.Fatalf("creating pods: %v and %d more", <-errs, len(errs))
	}
	first := startScheduler(t, "killed")
	eventually(t, "some pods are bound", func(context.Context) (bool, string) {
		n, _ := seen.seen()
		return n >= 50, fmt.Sprint(n)
	})
	first.Kill()
	killedAt := 0
	eventually(t, "all pods are seen that it has bound", func(ctx context.Context) (bool, string) {
		bound, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName!="})
		if err != nil {
			return false, err.Error()
		}
		killedAt, _ = seen.seen()
		return killedAt == len(bound.Items), fmt.Sprintf("%d of %d", killedAt, len(bound.Items))
	})
	if killedAt == pods {
		t.Fatal("all pods were bound before the scheduler was killed: the test shows nothing")
	}
	// Its lease is as long as it could not be given back.
	if err := client.CoordinationV1().Leases(systemNamespace).Delete(t.Context(), leaseName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	startScheduler(t, "restarted")
	eventually(t, "the restarted scheduler binds pods", func(context.Context) (bool, string) {
		n, _ := seen.seen()
		return n > killedAt, fmt.Sprint(n)
	})
	deleteNode(t, nodeInUse(t, ns))
	eventually(t, "all pods are bound", func(context.Context) (bool, string) {
		n, _ := seen.seen()
		return n == pods, fmt.Sprint(n)
	})
	if _, each := seen.seen(); !slices.Equal(each, []int{1}) {
		t.Errorf("pods were seen on %v nodes each, want 1", each)
	}
	events, err := client.EventsV1().Events(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	said := map[types.UID]int{}
	for _, e := range events.Items {
		if e.Reason == "Scheduled" {
			said[e.Regarding.UID]++
		}
		if said[e.Regarding.UID] > 1 || e.Reason == "Scheduled" && e.Series != nil {
			t.Errorf("pod %s was said to be scheduled more than once: %+v", e.Regarding.Name, e)
		}
	}
}

// nodeInUse returns a node that pods of the namespace are on.
func nodeInUse(t *testing.T, ns string) string {
	t.Helper()
	list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName!="})
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("looking for a node in use: %v", err)
	}
	return list.Items[0].Spec.NodeName
}

func deleteNode(t *testing.T, name string) {
	t.Helper()
	if err := client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}
