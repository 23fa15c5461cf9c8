package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// rendered reads into an object the one of its kind that an overlay applies.
func rendered(t *testing.T, overlay, kind string, into any) {
	t.Helper()
	objects, err := manifests.Decode([]byte(kubectl(t, "kustomize", installation+overlay)))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object.GetKind() == kind {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s has no %s", overlay, kind)
}

// argsOf returns the arguments of a pod's container, with the files of its ConfigMap in
// a folder that the test can read.
func argsOf(t *testing.T, pod corev1.PodSpec) []string {
	t.Helper()
	configMap := &corev1.ConfigMap{}
	rendered(t, "base", "ConfigMap", configMap)
	if mounted := pod.Volumes[0].ConfigMap.Name; mounted != configMap.Name {
		t.Fatalf("it mounts %s, and there is %s", mounted, configMap.Name)
	}
	dir := t.TempDir()
	for name, content := range configMap.Data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var args []string
	for _, arg := range pod.Containers[0].Args {
		args = append(args, strings.ReplaceAll(arg, pod.Containers[0].VolumeMounts[0].MountPath, dir))
	}
	return args
}

// TestInstall installs the descheduler each way, beside the scheduler. Nothing runs in
// the pods: the nodes are fake.
func TestInstall(t *testing.T) {
	kubectl(t, "apply", "-f", "../../config/scheduler/rbac.yaml")
	base := []string{
		"clusterrole.rbac.authorization.k8s.io/stowage-descheduler",
		"clusterrolebinding.rbac.authorization.k8s.io/stowage-descheduler",
		"configmap/stowage-descheduler-policy-HASH",
		"namespace/stowage-system",
		"role.rbac.authorization.k8s.io/stowage-descheduler",
		"rolebinding.rbac.authorization.k8s.io/stowage-descheduler",
		"serviceaccount/stowage-descheduler",
	}
	tests := []struct {
		overlay string
		own     []string
		pods    int
	}{
		{"cronjob", []string{"cronjob.batch/stowage-descheduler"}, 0},
		{"job", []string{"job.batch/stowage-descheduler"}, 1},
		{"deployment", []string{
			"deployment.apps/stowage-descheduler",
			"clusterrolebinding.rbac.authorization.k8s.io/stowage-descheduler-metrics",
			"role.rbac.authorization.k8s.io/stowage-descheduler-election",
			"rolebinding.rbac.authorization.k8s.io/stowage-descheduler-election",
		}, 2},
	}
	hash := regexp.MustCompile(`(configmap/.*)-[0-9a-z]{10}$`)
	for _, tt := range tests {
		t.Run(tt.overlay, func(t *testing.T) {
			dir := installation + tt.overlay
			t.Cleanup(func() { // other tests want to have the nodes to themselves
				if _, err := play.Kubectl(context.Background(), "delete", "-n", systemNamespace, tt.own[0]); err != nil {
					t.Error(err)
				}
			})
			kubectl(t, "apply", "-k", dir)
			var installed []string
			for _, name := range strings.Fields(kubectl(t, "get", "-k", dir, "-o", "name")) {
				installed = append(installed, hash.ReplaceAllString(name, "$1-HASH"))
			}
			slices.Sort(installed)
			want := slices.Concat(base, tt.own)
			slices.Sort(want)
			if diff := cmp.Diff(want, installed); diff != "" {
				t.Errorf("installed objects (-want +got):\n%s", diff)
			}
			// Ends with code 1 when applying would change anything.
			if diff := kubectl(t, "diff", "-k", dir); diff != "" {
				t.Errorf("applying it again would change: %s", diff)
			}
			eventually(t, "its pods are let into the namespace", func(ctx context.Context) (bool, string) {
				list, err := client.CoreV1().Pods(systemNamespace).List(ctx, metav1.ListOptions{})
				if err != nil {
					return false, err.Error()
				}
				placed := 0
				for _, pod := range list.Items {
					if pod.Spec.NodeName != "" {
						placed++
					}
				}
				return placed == tt.pods, fmt.Sprintf("%d of %d pods have a node", placed, len(list.Items))
			})
		})
	}
	if diff := kubectl(t, "diff", "-f", "../../config/scheduler/rbac.yaml"); diff != "" {
		t.Errorf("the scheduler's namespace would have to change again: %s", diff)
	}
}

// TestInstallsTheSamePod compares the pods of the ways to install it: they differ in
// what a Job and a service are, and in nothing else.
func TestInstallsTheSamePod(t *testing.T) {
	cronJob, job, deployment := &batchv1.CronJob{}, &batchv1.Job{}, &appsv1.Deployment{}
	rendered(t, "cronjob", "CronJob", cronJob)
	rendered(t, "job", "Job", job)
	rendered(t, "deployment", "Deployment", deployment)
	if diff := cmp.Diff(cronJob.Spec.JobTemplate.Spec.Template, job.Spec.Template); diff != "" {
		t.Errorf("the pod of the CronJob and that of the Job (-cronjob +job):\n%s", diff)
	}
	once, service := job.Spec.Template.Spec, deployment.Spec.Template.Spec
	once.ActiveDeadlineSeconds = nil
	service.RestartPolicy, service.TopologySpreadConstraints = corev1.RestartPolicyNever, nil
	container := &service.Containers[0]
	container.Ports, container.LivenessProbe, container.ReadinessProbe = nil, nil, nil
	container.Args = slices.DeleteFunc(container.Args, func(arg string) bool {
		return arg == "--leader-elect" || strings.HasPrefix(arg, "--descheduling-interval=")
	})
	if diff := cmp.Diff(once, service); diff != "" {
		t.Errorf("the pod of the Job and that of the Deployment (-job +deployment):\n%s", diff)
	}
}

// TestInstallRollsAChangedPolicy changes the policy in a copy of what is installed: the
// Deployment then names another ConfigMap.
func TestInstallRollsAChangedPolicy(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(installation)); err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(copied, "base", "policy.yaml")
	data, err := os.ReadFile(policy)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(policy, append(data, "# changed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`name: (stowage-descheduler-policy-\S+)`)
	before := name.FindStringSubmatch(kubectl(t, "kustomize", installation+"deployment"))
	after := name.FindStringSubmatch(kubectl(t, "kustomize", filepath.Join(copied, "deployment")))
	if before == nil || after == nil || before[1] == after[1] {
		t.Errorf("the policy is %v, and changed %v", before, after)
	}
}
