// Package karpentertest proves that limits on preemptible nodes hold beside the real Karpenter,
// which knows of none of Stowage's plugins: it makes nodes, and takes them away, by what
// kube-scheduler would do. `make test-karpenter` runs it.
package karpentertest

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	// variable has the tests run.
	variable = "STOWAGE_KARPENTER"

	schedulerName   = "stowage-scheduler"
	systemNamespace = "stowage-system"
	// profile is the scheduler's that places the pods.
	profile = "stowage"
	// modeAnnotation says whether a pod may be on preemptible nodes, the others how many.
	modeAnnotation = "stowage.dev/preemptible"
	maxAnnotation  = "stowage.dev/preemptible-max"
	minAnnotation  = "stowage.dev/on-demand-min"
)

// calm is for how long nothing must be created or deleted.
var calm = flag.Duration("karpenter.calm", 2*time.Minute, "for how long a cluster must be left as it is in the end")

// cluster is where the cases are, all of them at once.
type cluster struct {
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
}

// start starts a playground, Karpenter, and the scheduler as it is installed beside an
// autoscaler.
func start(t *testing.T) *cluster {
	t.Helper()
	ctx := context.Background()
	nodes, err := karpenter.SystemNodes()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{watcher: newWatcher()}
	if c.play, err = playgroundtest.Start(ctx, playground.Options{Pool: nodes, LogDir: os.Getenv("STOWAGE_LOG_DIR")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.play.Stop)
	if c.client, err = c.play.Client(); err != nil {
		t.Fatal(err)
	}
	following, cancel := context.WithCancel(ctx)
	t.Cleanup(cancel)
	if err := follow.NodesAndPods(following, c.client, follow.Changes{Node: c.watcher.node, Pod: c.watcher.pod, Trim: trim}); err != nil {
		t.Fatal(err)
	}
	c.startScheduler(t)
	program, err := karpenter.Start(ctx, c.play)
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, program)
	return c
}

// overlay is what a user applies, without the pods that the scheduler runs in: it runs beside
// the playground.
const overlay = `resources: [CONFIG/scheduler, CONFIG/scheduler/autoscaler]
patches:
- target: {kind: Deployment}
  patch: |-
    $patch: delete
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: stowage-scheduler}
`

// startScheduler installs the scheduler, and runs it as its service account.
func (c *cluster) startScheduler(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	files := map[string]string{"kustomization.yaml": overlay}
	c.kubectl(t, "apply", "-k", playgroundtest.WriteOverlay(t, files))
	rights := []authorizationv1.ResourceAttributes{ // one of each binding
		{Verb: "list", Resource: "nodes"},
		{Verb: "patch", Resource: "pods"},
		{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: systemNamespace, Name: schedulerName},
	}
	if err := playgroundtest.AwaitAllowed(ctx, c.client, systemNamespace, schedulerName, rights...); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := c.play.ServiceAccountKubeconfig(ctx, systemNamespace, schedulerName)
	if err != nil {
		t.Fatal(err)
	}
	// It is alone, and must not lose the lead where there is hardly any processor time.
	program, err := c.play.StartProgram(schedulerName, schedulerName, "--kubeconfig", kubeconfig, "--secure-port", "0", "-v", "2",
		"--leader-elect-lease-duration", "10m", "--leader-elect-renew-deadline", "9m")
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, program)
	c.awaitAdmission(t)
}

// awaitAdmission waits until the API server has heard of the policy that tells autoscalers of
// limits: it hears by a watch.
func (c *cluster) awaitAdmission(t *testing.T) {
	t.Helper()
	probe := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "probe", Annotations: map[string]string{modeAnnotation: "never"}},
		Spec:       corev1.PodSpec{SchedulerName: profile, Containers: []corev1.Container{{Name: "main", Image: playground.PauseImage}}},
	}
	ns := playgroundtest.Namespace(t, c.client)
	playgroundtest.Eventually(t, "pods that say never get a node affinity", func(ctx context.Context) (bool, string) {
		pod, err := c.client.CoreV1().Pods(ns).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil {
			return false, err.Error()
		}
		return pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil, pod.Spec.String()
	})
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.play.Kubectl(context.Background(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
