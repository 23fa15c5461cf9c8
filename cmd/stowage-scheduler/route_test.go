package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// routeLabel is the label of a namespace whose pods go to the profile that it names.
const routeLabel = "stowage.dev/scheduler"

// installRoute installs the policy that routes pods, until the test ends, and waits until the
// API server goes by it for pods of the namespace.
func installRoute(t *testing.T, routed, profile string) {
	t.Helper()
	dir := installation + "/route"
	kubectl(t, "apply", "-k", dir)
	t.Cleanup(func() {
		if _, err := play.Kubectl(context.Background(), "delete", "-k", dir); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "pods are routed", func(ctx context.Context) (bool, string) {
		pod, err := client.CoreV1().Pods(routed).Create(ctx, newPod("any", "", "100m"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return false, err.Error()
		}
		return pod.Spec.SchedulerName == profile, pod.Spec.SchedulerName
	})
	eventually(t, "labels of namespaces are looked at", func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().Namespaces().Create(ctx, labelled("any", "other"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil && strings.Contains(err.Error(), routeLabel), fmt.Sprint(err)
	})
}

func labelled(name, profile string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{routeLabel: profile}}}
}

// label sets a label of a namespace; an empty value takes it off.
func label(ns, key, value string) error {
	change := key + "=" + value
	if value == "" {
		change = key + "-"
	}
	_, err := play.Kubectl(context.Background(), "label", "namespace", ns, change, "--overwrite")
	return err
}

// TestRoute gives pods of chosen namespaces to profiles.
func TestRoute(t *testing.T) {
	playgroundtest.Since(t, play, "1.36", "MutatingAdmissionPolicy of admissionregistration.k8s.io/v1")
	routed, wrong, other := namespace(t), namespace(t), namespace(t)
	for ns, profile := range map[string]string{routed: "stowage-spread", wrong: "fast"} {
		if err := label(ns, routeLabel, profile); err != nil {
			t.Fatal(err)
		}
	}
	installRoute(t, routed, "stowage-spread")
	owned := func(kind string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			owner := metav1.ObjectMeta{Name: "owner", UID: "uid"}
			p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&owner, appsv1.SchemeGroupVersion.WithKind(kind))}
		}
	}
	asItIs := func(*corev1.Pod) {}
	tests := []struct {
		name, ns string
		change   func(*corev1.Pod)
		want     string
	}{
		{"a pod that names no scheduler", routed, asItIs, "stowage-spread"},
		{"one that names kube-scheduler", routed, func(p *corev1.Pod) { p.Spec.SchedulerName = corev1.DefaultSchedulerName }, "stowage-spread"},
		{"one of a ReplicaSet", routed, owned("ReplicaSet"), "stowage-spread"},
		{"one that names another scheduler", routed, func(p *corev1.Pod) { p.Spec.SchedulerName = "another" }, "another"},
		{"one that names another profile", routed, func(p *corev1.Pod) { p.Spec.SchedulerName = schedulerName }, schedulerName},
		{"one of a DaemonSet", routed, owned("DaemonSet"), corev1.DefaultSchedulerName},
		{"one that has a node", routed, func(p *corev1.Pod) { p.Spec.NodeName = "node" }, corev1.DefaultSchedulerName},
		{"one of another namespace", other, asItIs, corev1.DefaultSchedulerName},
		{"one of a namespace that asked for a profile that there is not, before anybody looked", wrong, asItIs, corev1.DefaultSchedulerName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPod("pod", "", "100m")
			tt.change(p)
			created, err := client.CoreV1().Pods(tt.ns).Create(t.Context(), p, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			if err != nil {
				t.Fatal(err)
			}
			if created.Spec.SchedulerName != tt.want {
				t.Errorf("it goes to %s, want %s", created.Spec.SchedulerName, tt.want)
			}
		})
	}
	startScheduler(t, "scheduler")
	awaitLeader(t, "")
	if pod := createPod(t, routed, newPod("real", "", "100m")); awaitRunning(t, routed, pod.Name).Spec.SchedulerName != "stowage-spread" {
		t.Errorf("the pod that runs is that of %s", pod.Spec.SchedulerName)
	}

	const refusal = "metadata.labels[stowage.dev/scheduler]: there is no profile fast of stowage-scheduler: must be one of stowage, stowage-spread, stowage-preemptible-first"
	for _, tt := range []struct{ name, ns, key, value, want string }{
		{"a profile that there is not", other, routeLabel, "fast", refusal},
		{"another one", routed, routeLabel, "stowage", ""},
		{"a profile that there is not, where there was one", routed, routeLabel, "fast", refusal},
		{"no profile any more", routed, routeLabel, "", ""},
		{"another label, where the profile is wrong already", wrong, "team", "shop", ""},
		{"the wrong one is taken off", wrong, routeLabel, "", ""},
	} {
		err := label(tt.ns, tt.key, tt.value)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestRoutedPodsHaveLimits has pods get their scheduler by one policy, and what they say of preemptible
// nodes by the other, whichever the API server asks first: it draws that anew when one is changed.
func TestRoutedPodsHaveLimits(t *testing.T) {
	ns := limitsNamespace(t)
	installLimits(t, ns)
	if err := label(ns, routeLabel, schedulerName); err != nil {
		t.Fatal(err)
	}
	installRoute(t, ns, schedulerName)
	for round := range 6 {
		kubectl(t, "annotate", "--overwrite", "mutatingadmissionpolicies", "stowage-limits", fmt.Sprintf("example.com/round=%d", round))
		for range 50 {
			pod := limitedPod(maxAnnotation, "1")
			pod.Spec.SchedulerName = ""
			admitted, err := dryRun(t.Context(), ns, pod)
			if err != nil {
				t.Fatal(err)
			}
			if admitted.Spec.SchedulerName != schedulerName || len(admitted.Spec.SchedulingGates) != 1 {
				t.Fatalf("it goes to %s, with gates %v", admitted.Spec.SchedulerName, admitted.Spec.SchedulingGates)
			}
		}
	}
}
