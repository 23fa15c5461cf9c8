package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/manifests"
)

// rendered reads into an object the one of its kind that a folder applies.
func rendered(t *testing.T, folder, kind string, into any) {
	t.Helper()
	objects, err := manifests.Decode([]byte(kubectl(t, "kustomize", folder)))
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
	t.Fatalf("%s has no %s", folder, kind)
}

// TestInstall installs chaos each way, beside the scheduler. Nothing runs in the pods: the
// nodes are fake.
func TestInstall(t *testing.T) {
	kubectl(t, "apply", "-f", "../../config/scheduler/rbac.yaml")
	base := []string{
		"clusterrole.rbac.authorization.k8s.io/stowage-chaos",
		"clusterrolebinding.rbac.authorization.k8s.io/stowage-chaos",
		"namespace/stowage-system",
		"role.rbac.authorization.k8s.io/stowage-chaos",
		"role.rbac.authorization.k8s.io/stowage-chaos-lease",
		"rolebinding.rbac.authorization.k8s.io/stowage-chaos",
		"rolebinding.rbac.authorization.k8s.io/stowage-chaos-lease",
		"serviceaccount/stowage-chaos",
	}
	tests := []struct {
		overlay string
		own     []string
		pods    int
	}{
		{"cronjob", []string{"cronjob.batch/stowage-chaos"}, 0},
		{"deployment", []string{"deployment.apps/stowage-chaos", "clusterrolebinding.rbac.authorization.k8s.io/stowage-chaos-metrics"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.overlay, func(t *testing.T) {
			dir := installation + tt.overlay
			t.Cleanup(func() { // other tests want to have the nodes to themselves
				if _, err := play.Kubectl(context.Background(), "delete", "-n", systemNamespace, tt.own[0]); err != nil {
					t.Error(err)
				}
			})
			kubectl(t, "apply", "-k", dir)
			installed := strings.Fields(kubectl(t, "get", "-k", dir, "-o", "name"))
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

// installedPods returns the pods of what is installed, as they are without any component.
func installedPods(t *testing.T) (cronJob, deployment corev1.PodSpec) {
	t.Helper()
	job, service := &batchv1.CronJob{}, &appsv1.Deployment{}
	rendered(t, installation+"cronjob", "CronJob", job)
	rendered(t, installation+"deployment", "Deployment", service)
	return job.Spec.JobTemplate.Spec.Template.Spec, service.Spec.Template.Spec
}

// TestInstallsTheSamePod compares the pods of the ways to install it: they differ in what a
// Job and a service are, and in nothing else.
func TestInstallsTheSamePod(t *testing.T) {
	job, service := installedPods(t)
	service.RestartPolicy, job.ActiveDeadlineSeconds = corev1.RestartPolicyNever, nil
	service.Containers[0].Ports, service.Containers[0].LivenessProbe, service.Containers[0].ReadinessProbe = nil, nil, nil
	job.Containers[0].Args, service.Containers[0].Args = nil, nil
	if diff := cmp.Diff(job, service); diff != "" {
		t.Errorf("the pod of the CronJob and that of the Deployment (-cronjob +deployment):\n%s", diff)
	}
}

// outside returns the arguments of an installed container as they are outside of the cluster,
// without those that go by the time of day, and without the port.
func outside(t *testing.T, pod corev1.PodSpec) []string {
	t.Helper()
	args := []string{"--kubeconfig", kubeconfig, "--context", contextOf(t, kubeconfig)}
	for _, arg := range pod.Containers[0].Args {
		switch name, _, _ := strings.Cut(arg, "="); name {
		case "--in-cluster", "--excluded-weekdays", "--excluded-times-of-day", "--secure-port":
		default:
			args = append(args, arg)
		}
	}
	return append(args[4:], args[:4]...)
}

// TestInstalledCronJob runs what the CronJob does: nothing, until a namespace is given to it
// and the component no-dry-run makes it do so.
func TestInstalledCronJob(t *testing.T) {
	s := newShop(t)
	pod, _ := installedPods(t)
	args := outside(t, pod)
	before := s.pods(t)
	run(t, args...).want(t, 3, "there was nothing to remove")
	label := []byte(`{"metadata": {"labels": {"chaos.stowage.dev/evict": "allowed"}}}`)
	if _, err := client.CoreV1().Namespaces().Patch(t.Context(), s.namespace, types.MergePatchType, label, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	dry := run(t, args...)
	dry.want(t, 0)
	dry.shows(t, "Deployment "+s.namespace+"/web", "Dry run: nothing was changed.")
	if diff := cmp.Diff(before, s.pods(t)); diff != "" {
		t.Errorf("pods (-before +after):\n%s", diff)
	}

	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(installation)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(copied, "cronjob", "kustomization.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	armed := strings.NewReplacer("# components:", "components:", "# - ../components", "- ../components").Replace(string(data))
	if err := os.WriteFile(file, []byte(armed), 0o600); err != nil {
		t.Fatal(err)
	}
	job := &batchv1.CronJob{}
	rendered(t, filepath.Join(copied, "cronjob"), "CronJob", job)
	forReal := run(t, outside(t, job.Spec.JobTemplate.Spec.Template.Spec)...)
	forReal.want(t, 0, "journal: chaos-")
	forReal.shows(t, "held: 1 pod chosen, 1 lost, 1 replaced")
}

// TestInstalledDeployment has nobody take part in what the Deployment does.
func TestInstalledDeployment(t *testing.T) {
	_, pod := installedPods(t)
	args := outside(t, pod)
	if !slices.Contains(args, "--no-dry-run") {
		t.Errorf("a dry run ends, and would be started again for ever: %v", args)
	}
	dry := run(t, slices.DeleteFunc(args, func(arg string) bool { return arg == "--no-dry-run" })...)
	dry.want(t, 3, "no workload has opted in")
}

// TestComponents renders what all components grant together.
func TestComponents(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(installation)); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(copied, "components"))
	if err != nil {
		t.Fatal(err)
	}
	all := "resources: [../cronjob]\ncomponents:\n"
	var want []string
	for _, entry := range entries {
		all += "- ../components/" + entry.Name() + "\n"
		if entry.Name() != "no-dry-run" {
			want = append(want, "clusterrole.rbac.authorization.k8s.io/stowage-chaos-"+entry.Name())
		}
	}
	overlay := filepath.Join(copied, "all")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
	var roles []string
	for _, name := range strings.Fields(kubectl(t, "apply", "-k", overlay, "--dry-run=server", "-o", "name")) {
		if strings.HasPrefix(name, "clusterrole.") && strings.Contains(name, "-chaos-") {
			roles = append(roles, name)
		}
	}
	slices.Sort(roles)
	if diff := cmp.Diff(want, roles); diff != "" {
		t.Errorf("cluster roles (-want +got):\n%s", diff)
	}
}
