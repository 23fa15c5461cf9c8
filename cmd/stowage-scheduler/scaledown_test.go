package main

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestScaleDownEmptiesANode has three workloads with a replica on each of two nodes give up one
// each. The ReplicaSet controller left to itself takes any of the two.
func TestScaleDownEmptiesANode(t *testing.T) {
	startScheduler(t, "a")
	ns := namespace(t)
	nodes := []string{ns + "-a", ns + "-b"}
	for _, node := range nodes {
		newNode(t, node)
	}
	apps := []string{"web", "shop", "mail"}
	for i, app := range apps {
		d := newDeployment(app, 2, template(app, schedulerName))
		spec := &d.Spec.Template.Spec
		spec.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: int32(8000 + i)}} // one on each node
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: nodes},
			}}},
		}}}
		createDeployment(t, ns, d)
	}
	// awaitPods waits until so many run and no others are left, and returns the cost of a pod on each node.
	awaitPods := func(want int) map[string]int {
		t.Helper()
		var costs map[string]int
		eventually(t, fmt.Sprintf("%d pods run", want), func(ctx context.Context) (bool, string) {
			list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
			if err != nil {
				return false, err.Error()
			}
			costs = map[string]int{}
			running := 0
			for _, pod := range list.Items {
				if pod.Status.Phase != corev1.PodRunning {
					continue
				}
				running++
				cost, err := strconv.Atoi(pod.Annotations[corev1.PodDeletionCost])
				if before, known := costs[pod.Spec.NodeName]; err != nil || known && before != cost {
					t.Fatalf("pod %s on %s: %v, %d there before", pod.Name, pod.Spec.NodeName, pod.Annotations, before)
				}
				costs[pod.Spec.NodeName] = cost
			}
			return running == want && len(list.Items) == want, fmt.Sprintf("%d of %d", running, len(list.Items))
		})
		return costs
	}
	costs := awaitPods(2 * len(apps))
	if len(costs) != 2 || costs[nodes[0]] == costs[nodes[1]] {
		t.Fatalf("pods on two nodes whose names differ in the last letter cost %v", costs)
	}
	for _, app := range apps {
		scale(t, ns, app, 1)
	}
	left := awaitPods(len(apps))
	for node, cost := range costs {
		if _, used := left[node]; used != (cost == max(costs[nodes[0]], costs[nodes[1]])) {
			t.Errorf("node %s, whose pods cost %d of %v: in use is %t", node, cost, costs, used)
		}
	}
}
