package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	web = "web"
	// replicas is how many pods the workload has, of which mayLack may be missing.
	replicas = 5
	mayLack  = 1
)

// shop is a namespace with a workload of a budget. Its pods stay on a dead node for a second.
type shop struct{ namespace string }

// newShop returns a shop that is ready, and gone with the test. Its pods are placed on the
// given nodes only, or on any.
func newShop(t *testing.T, on ...string) shop {
	t.Helper()
	s := shop{playgroundtest.Namespace(t, client)}
	t.Cleanup(func() {
		if err := client.AppsV1().Deployments(s.namespace).Delete(context.Background(), web, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		eventually(t, "no pod is in the way of other tests", func(ctx context.Context) (bool, string) {
			left, err := client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
			return err == nil && len(left.Items) == 0, fmt.Sprint(len(left.Items), " pods; ", err)
		})
	})
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": web}}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: web},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: ptr.To(intstr.FromInt32(mayLack))},
	}
	if _, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: web},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](replicas), Selector: selector, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels}, Spec: podSpec(on),
		}},
	}
	if _, err := client.AppsV1().Deployments(s.namespace).Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	return s
}

// addIdle adds a workload of each other kind that can be scaled, without any pod.
func (s shop) addIdle(t *testing.T) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: "idle"}
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": meta.Name}}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels}, Spec: podSpec(nil)}
	set := &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: new(int32), Selector: selector, Template: template}}
	if _, err := client.AppsV1().ReplicaSets(s.namespace).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stateful := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: new(int32), Selector: selector, Template: template}}
	if _, err := client.AppsV1().StatefulSets(s.namespace).Create(t.Context(), stateful, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func podSpec(on []string) corev1.PodSpec {
	spec := corev1.PodSpec{
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers:                    []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause:3.10"}},
	}
	for _, key := range []string{corev1.TaintNodeUnreachable, corev1.TaintNodeNotReady} {
		spec.Tolerations = append(spec.Tolerations, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](1),
		})
	}
	if len(on) > 0 {
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: on,
			}}}},
		}}}
	}
	return spec
}

// settle waits until all replicas are up, no others are left, and the budget knows it.
func (s shop) settle(t *testing.T) {
	t.Helper()
	eventually(t, "all replicas are up", func(ctx context.Context) (bool, string) {
		budget, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		pods, err := client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		ready := 0
		for i := range pods.Items {
			if up(&pods.Items[i]) {
				ready++
			}
		}
		return ready == replicas && len(pods.Items) == replicas && budget.Status.DisruptionsAllowed == mayLack,
			fmt.Sprintf("%d of %d pods, and the budget %+v", ready, len(pods.Items), budget.Status)
	})
}

// pods returns the nodes of the pods by name.
func (s shop) pods(t *testing.T) map[string]string {
	t.Helper()
	list, err := client.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	on := map[string]string{}
	for _, pod := range list.Items {
		on[pod.Name] = pod.Spec.NodeName
	}
	return on
}

// on returns how many pods are on the nodes.
func (s shop) on(t *testing.T, nodes []string) (pods int) {
	t.Helper()
	for _, node := range s.pods(t) {
		if slices.Contains(nodes, node) {
			pods++
		}
	}
	return pods
}

// node returns a node that has pods of the workload.
func (s shop) node(t *testing.T) string {
	t.Helper()
	for _, node := range slices.Sorted(maps.Values(s.pods(t))) {
		if node != "" {
			return node
		}
	}
	t.Fatal("no pod has a node")
	return ""
}

// lowest watches the workload until the test ends, and returns what says how few of its
// replicas there ever were.
func (s shop) lowest(t *testing.T) func() int64 {
	t.Helper()
	return s.lowestOf(t, replicas)
}

// lowestOf is lowest for so many replicas.
func (s shop) lowestOf(t *testing.T, all int) func() int64 {
	t.Helper()
	return playgroundtest.Lowest(t, client, all, func(pod *corev1.Pod) bool { return pod.Namespace == s.namespace })
}

func up(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && pod.DeletionTimestamp == nil
		}
	}
	return false
}
