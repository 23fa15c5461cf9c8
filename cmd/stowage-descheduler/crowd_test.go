package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	// crowdedNode is the one that all replicas are on.
	crowdedNode = "node-00000"
	// replicas fill it to 90 % of its cpu; mayLack of them may be missing at a time.
	replicas = 6
	mayLack  = 2
	web      = "web"
	// nobody is a scheduler that does not run: replacements of its pods stay pending.
	nobody = "nobody"
)

// crowd makes a workload whose replicas are all on one node, long enough for the
// shipped policy. The scheduler is their own, and "" the cluster's.
func crowd(t *testing.T, scheduler string) (ns string) {
	t.Helper()
	eventually(t, "earlier tests' pods are gone", func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, fmt.Sprintf("%v, %d pods", err, len(list.Items))
	})
	ns = namespace(t)
	cordon(t, ns, true)
	create(t, ns, scheduler)
	if scheduler != "" {
		bind(t, ns)
	}
	eventually(t, "the replicas run, and their budget is known", func(ctx context.Context) (bool, string) {
		deployment, err := client.AppsV1().Deployments(ns).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		budget, err := client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return deployment.Status.AvailableReplicas == replicas && budget.Status.DisruptionsAllowed == mayLack, fmt.Sprint(deployment.Status, budget.Status)
	})
	cordon(t, ns, false)
	age(t, ns)
	return ns
}

// cordon keeps the scheduler from all nodes but the one, or no longer. It asks in the
// namespace whether the scheduler has heard of it.
func cordon(t *testing.T, ns string, unschedulable bool) {
	t.Helper()
	list, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range list.Items {
		if node.Name != crowdedNode {
			patch := fmt.Appendf(nil, `{"spec": {"unschedulable": %t}}`, unschedulable)
			if _, err := client.CoreV1().Nodes().Patch(t.Context(), node.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	playgroundtest.AwaitCordons(t, client, ns)
}

// create creates the workload and its budget. Its pods are gone with the test.
func create(t *testing.T, ns, scheduler string) {
	t.Helper()
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": web}}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: web},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](replicas), Selector: selector, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
			Spec: corev1.PodSpec{
				SchedulerName:                 scheduler,
				TerminationGracePeriodSeconds: ptr.To[int64](1),
				Containers: []corev1.Container{{
					Name: "main", Image: "registry.k8s.io/pause",
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("1200m"), "memory": resource.MustParse("1Gi")}},
				}},
			},
		}},
	}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: web},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: ptr.To(intstr.FromInt32(mayLack))},
	}
	if _, err := client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.AppsV1().Deployments(ns).Delete(context.Background(), web, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// bind does what the pods' scheduler would.
func bind(t *testing.T, ns string) {
	t.Helper()
	var pods []corev1.Pod
	eventually(t, "there are pods to bind", func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		pods = list.Items
		return len(pods) == replicas, fmt.Sprint(len(pods))
	})
	for _, pod := range pods {
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: crowdedNode}}
		if err := client.CoreV1().Pods(ns).Bind(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// age makes the pods old enough for the shipped policy.
func age(t *testing.T, ns string) {
	t.Helper()
	for name := range pods(t, ns) {
		patch := []byte(`{"status": {"startTime": "2020-01-01T00:00:00Z"}}`)
		if _, err := client.CoreV1().Pods(ns).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
}

// pods returns the nodes of the pods by name.
func pods(t *testing.T, ns string) map[string]string {
	t.Helper()
	list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]string{}
	for _, pod := range list.Items {
		on[pod.Name] = pod.Spec.NodeName
	}
	return on
}

// lowest watches the workload until the test ends, and returns what says how few of its
// replicas there ever were.
func lowest(t *testing.T, ns string) func() int64 {
	t.Helper()
	ready := map[types.UID]bool{}
	var least atomic.Int64
	least.Store(replicas)
	started := false
	err := follow.NodesAndPods(t.Context(), client, follow.Changes{
		Node: func(_, _ *corev1.Node) {},
		Pod: func(was, is *corev1.Pod) {
			switch {
			case is != nil && is.Namespace == ns && up(is):
				ready[is.UID] = true
			case is != nil:
				delete(ready, is.UID)
			default:
				delete(ready, was.UID)
			}
			started = started || len(ready) == replicas
			if n := int64(len(ready)); started && n < least.Load() {
				least.Store(n)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return least.Load
}

func up(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
	}
	return false
}
