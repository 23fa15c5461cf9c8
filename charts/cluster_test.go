package charts_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

// The namespaces of releases.
const (
	system    = "stowage-system"
	elsewhere = "elsewhere"
)

// cluster is a playground, with namespaces for releases.
type cluster struct {
	*playground.Playground
	client kubernetes.Interface
	// older says that it has no MutatingAdmissionPolicies.
	older bool
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	small, err := pool.Load("../config/pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	play, err := playgroundtest.Start(t.Context(), playground.Options{Pool: small})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(play.Stop)
	client, err := play.Client()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{system, elsewhere} {
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		playgroundtest.Eventually(t, "the namespace takes pods", func(ctx context.Context) (bool, string) {
			_, err := client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
			return err == nil, fmt.Sprint(err)
		})
	}
	return &cluster{play, client, version.MustParseSemantic(play.Kubernetes).LessThan(version.MustParseGeneric("1.36"))}
}

// try runs Helm as the administrator.
func (c *cluster) try(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	return helm(t, program, append(args, "--kubeconfig", c.Kubeconfig)...)
}

func (c *cluster) helm(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := c.try(t, program, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// installed is a program of a release as it runs outside of the cluster: with the arguments and
// files of its pod, and as its account.
type installed struct {
	args       []string
	kubeconfig string
}

// installed finds the pod of a program in what Helm says that it has installed.
func (c *cluster) installed(t *testing.T, program, name, namespace, of string) installed {
	t.Helper()
	args, account := podOf(t, decode(t, c.helm(t, program, "get", "manifest", name, "--namespace", namespace)), name+"-"+of)
	kubeconfig, err := c.ServiceAccountKubeconfig(t.Context(), namespace, account)
	if err != nil {
		t.Fatal(err)
	}
	return installed{args, kubeconfig}
}

// podOf returns the arguments and the account of the pods of a name. Files that arguments name are
// in folders of the test.
func podOf(t *testing.T, objects []*unstructured.Unstructured, name string) (args []string, account string) {
	t.Helper()
	var pod *corev1.PodSpec
	files := map[string]map[string]string{}
	for _, o := range objects {
		read := func(into any) {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case o.GetKind() == "ConfigMap":
			var configMap corev1.ConfigMap
			read(&configMap)
			files[configMap.Name] = configMap.Data
		case o.GetName() != name:
		case o.GetKind() == "Deployment":
			var deployment appsv1.Deployment
			read(&deployment)
			pod = &deployment.Spec.Template.Spec
		case o.GetKind() == "CronJob":
			var cronJob batchv1.CronJob
			read(&cronJob)
			pod = &cronJob.Spec.JobTemplate.Spec.Template.Spec
		}
	}
	if pod == nil {
		t.Fatalf("there is no pod of %s", name)
	}
	args = slices.Clone(pod.Containers[0].Args)
	for _, mount := range pod.Containers[0].VolumeMounts {
		i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if pod.Volumes[i].ConfigMap == nil {
			continue
		}
		dir := t.TempDir()
		for file, content := range files[pod.Volumes[i].ConfigMap.Name] {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], mount.MountPath+"/", dir+"/")
		}
	}
	return args, pod.ServiceAccountName
}

// startScheduler starts the scheduler of a release as it is installed, and waits until it leads.
func (c *cluster) startScheduler(t *testing.T, program, name, namespace string) *process.Process {
	t.Helper()
	account := name + "-scheduler"
	for _, right := range []authorizationv1.ResourceAttributes{ // one of each binding
		{Verb: "list", Resource: "nodes"},
		{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: namespace, Name: account},
		{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "extension-apiserver-authentication"},
	} {
		if err := playgroundtest.AwaitAllowed(t.Context(), c.client, namespace, account, right); err != nil {
			t.Fatal(err)
		}
	}
	i := c.installed(t, program, name, namespace, "scheduler")
	args := append(i.args, "--kubeconfig", i.kubeconfig, "--secure-port", "0", "--leader-elect-retry-period", "500ms")
	p, err := c.StartProgram("stowage-scheduler", strings.ReplaceAll(t.Name(), "/", "-")+"-"+name, args...)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, p)
	playgroundtest.Eventually(t, "the scheduler leads, by the lease that Helm has made", func(ctx context.Context) (bool, string) {
		lease, err := c.client.CoordinationV1().Leases(namespace).Get(ctx, account, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return lease.Labels["app.kubernetes.io/managed-by"] == "Helm" && lease.Spec.HolderIdentity != nil && *lease.Spec.HolderIdentity != "", fmt.Sprint(lease)
	})
	return p
}
