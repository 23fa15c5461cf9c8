package main

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	// groupGates turn on groups of pods, in the API server and the scheduler.
	groupGates = "--feature-gates=GenericWorkload=true,TopologyAwareWorkloadScheduling=true,CompositePodGroup=true"
	// groupKinds has the API server serve them.
	groupKinds = "--runtime-config=scheduling.k8s.io/v1beta1=true,scheduling.k8s.io/v1alpha3=true"
)

// groupFlags are the flags by which the API server has groups of pods, where it can.
func groupFlags() []string {
	if !playgroundtest.Linked() {
		return nil
	}
	return []string{groupGates, groupKinds}
}

// TestPlacesGroups has the pods of a group wait for each other, and then places them together.
func TestPlacesGroups(t *testing.T) {
	playgroundtest.Since(t, play, "1.37", "PodGroup of scheduling.k8s.io/v1beta1")
	startScheduler(t, "scheduler", groupGates)
	ns := namespace(t)
	groups := client.SchedulingV1beta1().PodGroups(ns)
	group := &schedulingv1beta1.PodGroup{ObjectMeta: metav1.ObjectMeta{Name: "group"}}
	group.Spec.SchedulingPolicy.Gang = &schedulingv1beta1.GangSchedulingPolicy{MinCount: 2}
	if _, err := groups.Create(t.Context(), group, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	add := func(name, cpu string) {
		pod := newPod(name, schedulerName, cpu)
		pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: &group.Name}
		createPod(t, ns, pod)
	}
	awaitScheduled := func(want metav1.ConditionStatus) {
		eventually(t, "the group is told whether it has its nodes", func(ctx context.Context) (bool, string) {
			now, err := groups.Get(ctx, group.Name, metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			return meta.IsStatusConditionPresentAndEqual(now.Status.Conditions, schedulingv1beta1.PodGroupInitiallyScheduled, want), fmt.Sprint(now.Status.Conditions)
		})
	}
	add("first", "100m")
	add("large", "100")
	awaitScheduled(metav1.ConditionFalse)
	if pod, err := client.CoreV1().Pods(ns).Get(t.Context(), "first", metav1.GetOptions{}); err != nil || pod.Spec.NodeName != "" {
		t.Errorf("a pod has not waited for its group: %v", err)
	}
	add("second", "100m")
	awaitRunning(t, ns, "first")
	awaitRunning(t, ns, "second")
	awaitScheduled(metav1.ConditionTrue)
}
