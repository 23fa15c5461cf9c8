package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// installation is what `kubectl apply -k` installs.
const installation = "../../config/scheduler"

// kubectl runs the project's kubectl as the playground's administrator.
func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := play.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestInstall installs the scheduler as a user would. Nothing runs in the pods: the
// nodes are fake.
func TestInstall(t *testing.T) {
	t.Cleanup(func() { // other tests want to have the nodes to themselves
		if err := client.AppsV1().Deployments(systemNamespace).Delete(context.Background(), program, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	kubectl(t, "apply", "-k", installation)
	hash := regexp.MustCompile(`(configmap/.*)-[0-9a-z]{10}$`)
	var installed []string
	for _, name := range strings.Fields(kubectl(t, "get", "-k", installation, "-o", "name")) {
		installed = append(installed, hash.ReplaceAllString(name, "$1-HASH"))
	}
	slices.Sort(installed)
	want := []string{
		"clusterrole.rbac.authorization.k8s.io/stowage-scheduler",
		"clusterrolebinding.rbac.authorization.k8s.io/stowage-scheduler",
		"configmap/stowage-scheduler-config-HASH",
		"deployment.apps/stowage-scheduler",
		"namespace/stowage-system",
		"poddisruptionbudget.policy/stowage-scheduler",
		"resourcequota/stowage-scheduler",
		"role.rbac.authorization.k8s.io/stowage-scheduler",
		"rolebinding.rbac.authorization.k8s.io/stowage-scheduler",
		"rolebinding.rbac.authorization.k8s.io/stowage-scheduler-authentication-reader",
		"serviceaccount/stowage-scheduler",
	}
	if diff := cmp.Diff(want, installed); diff != "" {
		t.Errorf("installed objects (-want +got):\n%s", diff)
	}
	// Ends with code 1 when applying would change anything.
	if diff := kubectl(t, "diff", "-k", installation); diff != "" {
		t.Errorf("applying it again would change: %s", diff)
	}
	kubectl(t, "apply", "-k", installation)

	eventually(t, "two replicas are available, and nodes can still be drained", func(ctx context.Context) (bool, string) {
		budget, err := client.PolicyV1().PodDisruptionBudgets(systemNamespace).Get(ctx, program, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return budget.Status.CurrentHealthy == 2 && budget.Status.DisruptionsAllowed == 1, fmt.Sprint(budget.Status)
	})
	pods, err := client.CoreV1().Pods(systemNamespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	nodes := map[string]bool{}
	for _, pod := range pods.Items {
		nodes[pod.Spec.NodeName] = true
	}
	if len(pods.Items) != 2 || len(nodes) != 2 {
		t.Errorf("%d pods are on the nodes %v, want 2 on 2", len(pods.Items), nodes)
	}
	// What they got past does keep others out.
	_, err = client.CoreV1().Pods(systemNamespace).Create(t.Context(), newPod("unrestricted", "", "100m"), metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("creating a pod that is not restricted: %v", err)
	}
}

// TestInstallRollsAChangedProfile changes the configuration in a copy of what is
// installed: the Deployment then names another ConfigMap.
func TestInstallRollsAChangedProfile(t *testing.T) {
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(installation)); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(copied, "config.yaml")
	data, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, append(data, "# changed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	mounted := func(dir string) string {
		deployment, _ := rendered(t, dir)
		return deployment.Spec.Template.Spec.Volumes[0].ConfigMap.Name
	}
	if before, after := mounted(installation), mounted(copied); before == after {
		t.Errorf("the Deployment mounts %s with the changed configuration too", after)
	}
}

// rendered returns the Deployment and the ConfigMap that are applied.
func rendered(t *testing.T, dir string) (*appsv1.Deployment, *corev1.ConfigMap) {
	t.Helper()
	objects, err := manifests.Decode([]byte(kubectl(t, "kustomize", dir)))
	if err != nil {
		t.Fatal(err)
	}
	deployment, configMap := &appsv1.Deployment{}, &corev1.ConfigMap{}
	into := map[string]any{"Deployment": deployment, "ConfigMap": configMap}
	for _, object := range objects {
		if typed := into[object.GetKind()]; typed != nil {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	return deployment, configMap
}

// running is a scheduler that runs as installed, and how to look at it.
type running struct {
	*process.Process
	url   string
	token string // of one who may read the metrics
}

// startInstalled starts the scheduler with the arguments and the configuration of
// its Deployment, and waits until it leads.
func startInstalled(t *testing.T) *running {
	t.Helper()
	deployment, configMap := rendered(t, installation)
	container := deployment.Spec.Template.Spec.Containers[0]
	dir := t.TempDir()
	for name, content := range configMap.Data {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--bind-address", "127.0.0.1", "--permit-port-sharing", "--secure-port", playgroundtest.Port(t)}
	url := "https://127.0.0.1:" + args[4]
	for _, arg := range container.Args {
		args = append(args, strings.ReplaceAll(arg, container.VolumeMounts[0].MountPath, dir))
	}
	r := &running{Process: startScheduler(t, "installed", args...), url: url, token: playgroundtest.MetricsToken(t, client)}
	awaitLeader(t, "")
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe} {
		eventually(t, probe.HTTPGet.Path+" answers", func(ctx context.Context) (bool, string) {
			code, body := r.get(ctx, probe.HTTPGet.Path, "")
			return code == http.StatusOK, fmt.Sprint(code, body)
		})
	}
	eventually(t, "the metrics can be read", func(ctx context.Context) (bool, string) {
		code, body := r.get(ctx, "/metrics", r.token)
		return code == http.StatusOK, fmt.Sprint(code, body)
	})
	return r
}

// get asks the scheduler's secure port.
func (r *running) get(ctx context.Context, path, token string) (int, string) {
	return playgroundtest.Get(ctx, r.url+path, token)
}

// refusals matches the counts of requests that the API server refused. It answers
// 422 where it looks at rights only after it has looked at the object.
var refusals = regexp.MustCompile(`(?m)^rest_client_requests_total\{code="(?:401|403|422)".* (\d+)$`)

// refused returns how many of its requests the scheduler has seen refused.
func (r *running) refused(ctx context.Context) (int, error) {
	status, body := r.get(ctx, "/metrics", r.token)
	if status != http.StatusOK || !strings.Contains(body, `rest_client_requests_total{code="201"`) {
		return 0, fmt.Errorf("the metrics have no counts of requests: %d %.300s", status, body)
	}
	sum := 0
	for _, match := range refusals.FindAllStringSubmatch(body, -1) {
		n, err := strconv.Atoi(match[1])
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// allowed asks the API server whether the scheduler's service account may do
// something, in all namespaces unless one is given.
func allowed(ctx context.Context, t *testing.T, action authorizationv1.ResourceAttributes) bool {
	t.Helper()
	may, err := playgroundtest.Allowed(ctx, client, systemNamespace, program, action)
	if err != nil {
		t.Fatal(err)
	}
	return may
}

// TestInstallForbids tries what a scheduler has no business with.
func TestInstallForbids(t *testing.T) {
	tests := []struct {
		name string
		what authorizationv1.ResourceAttributes
		want bool
	}{
		{"its own lease", authorizationv1.ResourceAttributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: leaseName, Namespace: systemNamespace}, true},
		{"another lease in its namespace", authorizationv1.ResourceAttributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: "other", Namespace: systemNamespace}, false},
		{"kube-scheduler's lease", authorizationv1.ResourceAttributes{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Name: "kube-scheduler", Namespace: "kube-system"}, false},
		{"a new lease elsewhere", authorizationv1.ResourceAttributes{Verb: "create", Group: "coordination.k8s.io", Resource: "leases", Namespace: "kube-system"}, false},
		{"secrets", authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets"}, false},
		{"configuration of others", authorizationv1.ResourceAttributes{Verb: "get", Resource: "configmaps"}, false},
		{"endpoints", authorizationv1.ResourceAttributes{Verb: "get", Resource: "endpoints"}, false},
		{"new pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods"}, false},
		{"changes to pods", authorizationv1.ResourceAttributes{Verb: "patch", Resource: "pods"}, false},
		{"all pods at once", authorizationv1.ResourceAttributes{Verb: "deletecollection", Resource: "pods"}, false},
		{"commands in pods", authorizationv1.ResourceAttributes{Verb: "create", Resource: "pods", Subresource: "exec"}, false},
		{"changes to nodes", authorizationv1.ResourceAttributes{Verb: "patch", Resource: "nodes"}, false},
		{"changes to Deployments", authorizationv1.ResourceAttributes{Verb: "patch", Group: "apps", Resource: "deployments"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(t.Context(), t, tt.what); got != tt.want {
				t.Errorf("%+v: allowed %t, want %t", tt.what, got, tt.want)
			}
		})
	}
}
