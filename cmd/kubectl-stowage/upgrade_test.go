package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/chaos/upgrade"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const workers = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: worker, count: 3, capacity: {cpu: 4, memory: 16Gi}, labels: {eks.amazonaws.com/nodegroup: workers}}
`

// upgraded is a cluster whose pool is upgraded, with a workload that has a budget.
type upgraded struct {
	client kubernetes.Interface
	flags  []string
	folder string
}

func newUpgraded(t *testing.T) *upgraded {
	t.Helper()
	three, err := pool.Parse([]byte(workers))
	if err != nil {
		t.Fatal(err)
	}
	play, err := playgroundtest.Start(t.Context(), playground.Options{Pool: three})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(play.Stop)
	u := &upgraded{folder: t.TempDir(), flags: []string{"--run", "--kubeconfig", play.Kubeconfig, "--context", play.Info.Context, "-o", "json"}}
	if u.client, err = play.Client(); err != nil {
		t.Fatal(err)
	}
	ns := playgroundtest.Namespace(t, u.client)
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{Selector: selector, MaxUnavailable: ptr.To(intstr.FromInt32(1))},
	}
	if _, err := u.client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](5), Selector: selector, Template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](1), Containers: []corev1.Container{{
			Name: "main", Image: "registry.k8s.io/pause:3.10", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		}}},
	}}}
	if _, err := u.client.AppsV1().Deployments(ns).Create(t.Context(), web, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.Eventually(t, "the budget allows a disruption", func(ctx context.Context) (bool, string) {
		is, err := u.client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && is.Status.DisruptionsAllowed == 1 && is.Status.CurrentHealthy == 5, fmt.Sprint(is, err)
	})
	return u
}

// run runs an upgrade, and returns its result.
func (u *upgraded) run(ctx context.Context, t *testing.T, args ...string) (upgrade.Result, string, int) {
	t.Helper()
	out, failure, code := runContext(ctx, append(append([]string{"upgrade"}, args...), u.flags...)...)
	var result upgrade.Result
	if out != "" {
		if err := json.Unmarshal([]byte(out), &result); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return result, failure, code
}

// nodes returns the names of the nodes. They must all be schedulable and without marks.
func (u *upgraded) nodes(t *testing.T) (names []string) {
	t.Helper()
	list, err := u.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range list.Items {
		names = append(names, node.Name)
		if node.Spec.Unschedulable {
			t.Errorf("node %s is cordoned", node.Name)
		}
	}
	if left, err := undo.Leftovers(t.Context(), u.client); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
	slices.Sort(names)
	return names
}

// replace replaces each node for which the file NODE.replace appears in the folder, until the
// context ends.
func (u *upgraded) replace(ctx context.Context, t *testing.T) {
	nodes, done := u.client.CoreV1().Nodes(), map[string]bool{}
	for ; ctx.Err() == nil; time.Sleep(100 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(u.folder, "*.replace"))
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".replace")
			if done[name] {
				continue
			}
			done[name] = true
			old, err := nodes.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				t.Error(err)
				continue
			}
			now := &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: name + "-new", Labels: map[string]string{corev1.LabelHostname: name + "-new"}, Annotations: map[string]string{pool.FakeAnnotation: pool.Fake}},
				Status:     corev1.NodeStatus{Capacity: old.Status.Capacity, Allocatable: old.Status.Allocatable},
			}
			for _, label := range []string{"eks.amazonaws.com/nodegroup", pool.GroupLabel, corev1.LabelInstanceTypeStable} {
				now.Labels[label] = old.Labels[label]
			}
			if err := nodes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
			if _, err := nodes.Create(ctx, now, metav1.CreateOptions{}); err != nil {
				t.Error(err)
			}
			if err := os.Remove(file); err != nil { // the command waits for that
				t.Error(err)
			}
		}
	}
}

func TestUpgradeForReal(t *testing.T) {
	u := newUpgraded(t)
	t.Run("it is undone when it is interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		defer waiting.Wait()
		defer cancel()
		waiting.Go(func() {
			for ctx.Err() == nil {
				if _, err := os.Stat(filepath.Join(u.folder, "begun")); err == nil {
					cancel()
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		result, failure, code := u.run(ctx, t, "pool", "workers", "--journal", filepath.Join(u.folder, "0.jsonl"), "--replace-command", "touch "+u.folder+"/begun; exec sleep 60")
		if code != exit.Inconclusive || result.Replaced != 0 || len(result.Restored) != 1 {
			t.Errorf("exit code %d, error %q, result %+v", code, failure, result)
		}
		u.nodes(t)
	})
	t.Run("in place, and it is continued after an error", func(t *testing.T) {
		journal, log := filepath.Join(u.folder, "1.jsonl"), filepath.Join(u.folder, "log")
		secondFails := fmt.Sprintf("echo $STOWAGE_NODE >> %s; test $(wc -l < %s) -ne 2", log, log)
		result, failure, code := u.run(t.Context(), t, "pool", "workers", "--journal", journal, "--replace-command", secondFails)
		if code != exit.Error || result.Replaced != 1 || !strings.Contains(failure, "the command to replace node worker-") {
			t.Errorf("exit code %d, error %q, result %+v", code, failure, result)
		}
		u.nodes(t)
		result, failure, code = u.run(t.Context(), t, "--resume", journal, "--journal", filepath.Join(u.folder, "2.jsonl"))
		if code != 0 || result.Replaced != 3 || len(result.Waves) != 2 {
			t.Errorf("exit code %d, error %q, result %+v", code, failure, result)
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		asked := strings.Fields(string(text))
		if len(asked) != 4 || asked[1] == asked[0] || slices.Contains(asked[2:], asked[0]) {
			t.Errorf("nodes were replaced in this order: %v", asked)
		}
		if got := u.nodes(t); len(got) != 3 {
			t.Errorf("the nodes are %v", got)
		}
	})
	t.Run("by other nodes", func(t *testing.T) {
		replacing, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() { u.replace(replacing, t) })
		defer working.Wait()
		defer stop()
		command := "f=" + u.folder + "/$STOWAGE_NODE.replace; touch $f; while test -e $f; do sleep 0.1; done"
		result, failure, code := u.run(t.Context(), t, "pool", "workers", "--journal", filepath.Join(u.folder, "3.jsonl"), "--replace-command", command)
		if code != 0 || result.Replaced != 3 || len(result.Waves) != 3 || result.BudgetsBroken != 0 || result.Unreplaced != 0 || result.Evictions < 5 {
			t.Errorf("exit code %d, error %q, result %+v", code, failure, result)
		}
		if got, want := u.nodes(t), "[worker-00000-new worker-00001-new worker-00002-new]"; fmt.Sprint(got) != want {
			t.Errorf("the nodes are %v, want %s", got, want)
		}
	})
}
