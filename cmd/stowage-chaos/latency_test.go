package main

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestLatencyTakesItsComponent has the API server refuse the helper for a pod on a node that
// is none of KWOK's: that is said, and nothing is left to be put back.
func TestLatencyTakesItsComponent(t *testing.T) {
	namespace := playgroundtest.Namespace(t, client)
	// KWOK leaves nodes alone that do not have its annotation.
	room := corev1.ResourceList{corev1.ResourcePods: resource.MustParse("110")}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "metal-" + namespace},
		Status:     corev1.NodeStatus{Capacity: room, Allocatable: room},
	}
	if _, err := client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Nodes().Delete(context.Background(), node.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	spec := podSpec(nil)
	spec.NodeName, spec.Tolerations = node.Name, []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	pod, err := client.CoreV1().Pods(namespace).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: web}, Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	clustertest.Run(pod, time.Now())
	if _, err := client.CoreV1().Pods(namespace).UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	args := []string{"latency", "--namespaces", namespace, "--include-bare-pods", "--via=helper", "--duration=1s"}
	dry := run(t, append(args, asInstalled(t)[:4]...)...)
	dry.want(t, 0)
	dry.shows(t, "latency: pod "+namespace+"/web on "+node.Name, "Dry run: nothing was changed.")
	e := run(t, append(args, asInstalled(t)...)...)
	e.want(t, 1, "latency: pod "+namespace+"/web on "+node.Name, `cannot create resource "pods" in API group "" in the namespace "kube-system"`, "this requires permission to create pods in namespace kube-system")
	if strings.Contains(e.out, "be restored") || strings.Contains(e.log, "be restored") {
		t.Errorf("nothing was created, and it says what may be left: %s%s", e.out, e.log)
	}
	restored := run(t, append([]string{"restore", "--all"}, asInstalled(t)[:4]...)...)
	restored.want(t, 0)
	restored.shows(t, "nothing to restore\n") // the label is ours
}
