package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestTellsOfRefusedPods has a node refuse a pod, as a kubelet does.
func TestTellsOfRefusedPods(t *testing.T) {
	r := startInstalled(t)
	ns := namespace(t)
	pod := newPod("web", schedulerName, "100m")
	pod.Labels = map[string]string{"app": "web"}
	set, err := client.AppsV1().ReplicaSets(ns).Create(t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: pod.Labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels}, Spec: pod.Spec},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var bound *corev1.Pod
	eventually(t, "the pod is bound", func(ctx context.Context) (bool, string) {
		pods, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName!="})
		if err != nil || len(pods.Items) == 0 {
			return false, fmt.Sprint(err)
		}
		bound = &pods.Items[0]
		return true, ""
	})
	const refusal = `{"status": {"phase": "Failed", "reason": "OutOfcpu", "message": "Pod was rejected: Node didn't have enough resource: cpu"}}`
	if _, err := client.CoreV1().Pods(ns).Patch(t.Context(), bound.Name, types.StrategicMergePatchType, []byte(refusal), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ReplicaSet has an event", func(ctx context.Context) (bool, string) {
		list, err := client.EventsV1().Events(ns).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		var got []string
		for _, e := range list.Items {
			if e.Reason == "RefusedByNode" {
				short, _, _ := strings.Cut(e.Note, " (")
				got = append(got, fmt.Sprint(e.ReportingController, " of ", e.Regarding.Kind, " ", e.Regarding.UID, ": ", short))
			}
		}
		want := []string{fmt.Sprint("stowage of ReplicaSet ", set.UID, ": Node ", bound.Spec.NodeName, " rejected pod ", bound.Name, " for lack of room")}
		diff := cmp.Diff(want, got)
		return diff == "", diff
	})
	code, metrics := r.get(t.Context(), "/metrics", r.token)
	for _, want := range []string{`stowage_refused_pods_total{reason="OutOfcpu"} 1`, `stowage_refused_pods_total{reason="OutOfmemory"} 0`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics, code %d, have no %s", code, want)
		}
	}
}
