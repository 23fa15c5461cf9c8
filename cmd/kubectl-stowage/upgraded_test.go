package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const workers = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: worker, count: 3, capacity: {cpu: 4, memory: 16Gi}, labels: {eks.amazonaws.com/nodegroup: workers, topology.kubernetes.io/zone: zone-a}}
`

// What a command does, with the kubeconfig that it gets.
const (
	removes = `kubectl delete node "$STOWAGE_NODE"; `
	creates = `kubectl create -f - <<END
{apiVersion: v1, kind: Node,
 metadata: {name: $STOWAGE_NODE-new, labels: {kubernetes.io/hostname: $STOWAGE_NODE-new, eks.amazonaws.com/nodegroup: $STOWAGE_POOL}, annotations: {kwok.x-k8s.io/node: fake}},
 status: {capacity: {cpu: 4, memory: 16Gi, pods: 110}, allocatable: {cpu: 4, memory: 16Gi, pods: 110}}}
END
`
	restarts = `kubectl patch node "$STOWAGE_NODE" --subresource=status --type=merge --patch "{\"status\":{\"nodeInfo\":{\"bootID\":\"boot-$(date +%s%N)\"}}}"`
)

// upgraded is a cluster whose pool is upgraded, with a workload that has a budget.
type upgraded struct {
	play   *playground.Playground
	client kubernetes.Interface
	env    []string
	folder string
	// ns is the namespace of the workload.
	ns string
}

func newUpgraded(t *testing.T) *upgraded {
	t.Helper()
	three, err := pool.Parse([]byte(workers))
	if err != nil {
		t.Fatal(err)
	}
	u := &upgraded{folder: t.TempDir()}
	if u.play, err = playgroundtest.Start(t.Context(), playground.Options{Pool: three}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.play.Stop)
	if u.client, err = u.play.Client(); err != nil {
		t.Fatal(err)
	}
	kubectl, err := playground.FindBinary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	u.env = append(playgroundtest.Environ(t), "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"))
	u.ns = playgroundtest.Namespace(t, u.client)
	u.deploy(t, u.ns, 5, policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(1))}, 1)
	return u
}

// deploy creates a workload in the namespace with a budget that allows so many disruptions.
func (u *upgraded) deploy(t *testing.T, ns string, replicas int32, spec policyv1.PodDisruptionBudgetSpec, allowed int32) {
	t.Helper()
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	spec.Selector = selector
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: spec}
	if _, err := u.client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To(replicas), Selector: selector, Template: corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: selector.MatchLabels},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](1), Containers: []corev1.Container{{
			Name: "main", Image: "registry.k8s.io/pause:3.10", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		}}},
	}}}
	if _, err := u.client.AppsV1().Deployments(ns).Create(t.Context(), web, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.Eventually(t, "the budget counts the pods", func(ctx context.Context) (bool, string) {
		is, err := u.client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && is.Status.DisruptionsAllowed == allowed && is.Status.CurrentHealthy == replicas, fmt.Sprint(is, err)
	})
}

// file returns the path of a file of the test.
func (u *upgraded) file(name string) string { return filepath.Join(u.folder, name) }

// upgrading is the program at work.
type upgrading struct {
	cmd         *exec.Cmd
	out, failed bytes.Buffer
}

// start starts an upgrade that writes its journal to the file.
func (u *upgraded) start(t *testing.T, journal string, args ...string) *upgrading {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	args = append(append([]string{"upgrade"}, args...), "--run", "--kubeconfig", u.play.Kubeconfig, "--context", u.play.Info.Context, "-o", "json", "--journal", u.file(journal))
	p := &upgrading{cmd: exec.Command(binary, args...)}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = u.env, &p.out, &p.failed
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// end waits until the program has ended, with the exit code, and returns its result.
func (p *upgrading) end(t *testing.T, code int) upgrade.Result {
	t.Helper()
	err := p.cmd.Wait()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		t.Errorf("exit code %d, want %d: %s", got, code, p.failed.String())
	}
	var result upgrade.Result
	if p.out.Len() > 0 {
		if err := json.Unmarshal(p.out.Bytes(), &result); err != nil {
			t.Fatalf("%v: %s", err, p.out.String())
		}
	}
	return result
}

// says checks that the program has said something on its stderr.
func (p *upgrading) says(t *testing.T, want string) {
	t.Helper()
	if !strings.Contains(p.failed.String(), want) {
		t.Errorf("it does not say %q: %s", want, p.failed.String())
	}
}

// await waits until a file of the test has so many lines, and returns them.
func (u *upgraded) await(t *testing.T, name string, lines int) []string {
	t.Helper()
	var has []string
	playgroundtest.Eventually(t, fmt.Sprintf("%s has %d lines", name, lines), func(context.Context) (bool, string) {
		text, err := os.ReadFile(u.file(name))
		has = strings.Fields(string(text))
		return len(has) >= lines, fmt.Sprint(has, err)
	})
	return has
}

// list returns the nodes, and the names of those that are cordoned.
func (u *upgraded) list(t *testing.T) (names, cordoned []string) {
	t.Helper()
	list, err := u.client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range list.Items {
		names = append(names, node.Name)
		if node.Spec.Unschedulable {
			cordoned = append(cordoned, node.Name)
		}
	}
	slices.Sort(names)
	return names, cordoned
}

// clean checks that nothing is left of any run, and returns the names of the nodes.
func (u *upgraded) clean(t *testing.T) []string {
	t.Helper()
	names, cordoned := u.list(t)
	if len(cordoned) > 0 {
		t.Errorf("nodes are cordoned: %v", cordoned)
	}
	if left, err := undo.Leftovers(t.Context(), u.client); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
	if leases, err := undo.Leases(t.Context(), u.client); err != nil || len(leases) > 0 {
		t.Errorf("leases are left: %v, error %v", leases, err)
	}
	return names
}

// leaves checks that one node is left cordoned, because its command has begun, and uncordons it.
func (u *upgraded) leaves(t *testing.T, p *upgrading) {
	t.Helper()
	p.says(t, "left cordoned, because what was to change them had begun")
	if _, cordoned := u.list(t); len(cordoned) != 1 {
		t.Errorf("nodes are cordoned: %v, want one", cordoned)
	}
	u.restore(t)
}

// restore restores what any run has left.
func (u *upgraded) restore(t *testing.T) {
	t.Helper()
	if _, err := undo.RestoreAll(t.Context(), u.client, nil, nil); err != nil {
		t.Fatal(err)
	}
	u.clean(t)
}

// release deletes the lease of the one run that has one.
func (u *upgraded) release(t *testing.T) {
	t.Helper()
	leases, err := undo.Leases(t.Context(), u.client)
	if err != nil || len(leases) != 1 {
		t.Fatalf("leases %v, error %v", leases, err)
	}
	if err := undo.Release(t.Context(), u.client, leases[0].Run); err != nil {
		t.Fatal(err)
	}
}

// create creates a node.
func (u *upgraded) create(t *testing.T, name string, labels map[string]string) {
	t.Helper()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{pool.FakeAnnotation: pool.Fake}}}
	node.Status.Capacity = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("110")}
	node.Status.Allocatable = node.Status.Capacity
	if _, err := u.client.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// hold has a pod on the node that takes its time to end, and deletes it.
func (u *upgraded) hold(t *testing.T, node string) {
	t.Helper()
	slow := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "slow", Annotations: map[string]string{"pod-delete.stage.kwok.x-k8s.io/delay": "1h"}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause:3.10"}}},
	}
	if _, err := u.client.CoreV1().Pods(u.ns).Create(t.Context(), slow, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := u.client.CoreV1().Pods(u.ns).Delete(t.Context(), "slow", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// commandGone checks that nothing is left of a command: neither its process nor its kubeconfig.
func commandGone(t *testing.T, process, kubeconfig string) {
	t.Helper()
	pid, err := strconv.Atoi(process)
	if err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	if _, err := os.Stat(kubeconfig); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the kubeconfig of the command is still there: error %v", err)
	}
}

// gone waits until a process is not there any more, or only its remains are.
func gone(t *testing.T, pid int) {
	t.Helper()
	playgroundtest.Eventually(t, fmt.Sprintf("process %d has ended", pid), func(context.Context) (bool, string) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return errors.Is(err, os.ErrNotExist) || bytes.Contains(status, []byte(") Z ")), string(status)
	})
}
