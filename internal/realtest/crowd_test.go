package realtest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// gate is a condition without which a pod of a crowd is not ready, as load balancers set one:
// a wave lasts until the test lets its replacements be ready.
const gate = "realtest.stowage.dev/ready"

// crowd is a Deployment whose pods are all on one node, for a descheduler to spread. They
// take their time to start and to end, and one of them may be gone at a time.
type crowd struct {
	ns   string
	size int
	// first are its pods before any of them was moved: when it was remembered last.
	first map[types.UID]bool
}

// ofCrowd is the label of a crowd's pods.
var ofCrowd = map[string]string{"app": "crowd"}

// newCrowd places the crowd while the other real node is cordoned, and returns when all of it
// is ready.
func newCrowd(t *testing.T, size int) *crowd {
	t.Helper()
	c := &crowd{ns: playgroundtest.Namespace(t, client), size: size}
	other := shared.RealNodes[1]
	kubectl(t, "cordon", other)
	uncordon := func() {
		if _, err := shared.Kubectl(context.Background(), "uncordon", other); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(uncordon)
	playgroundtest.AwaitCordons(t, client, c.ns)

	spec := workload("--listen=:8080", "--ready-after=500ms")
	spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate}}
	spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
	main := &spec.Containers[0]
	main.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	main.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt(8080)}}}
	main.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 5}}}
	meta := metav1.ObjectMeta{Name: "crowd", Labels: ofCrowd}
	selector := &metav1.LabelSelector{MatchLabels: ofCrowd}
	one := intstr.FromInt(1)
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: meta, Spec: policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &one, Selector: selector}}
	if _, err := client.PolicyV1().PodDisruptionBudgets(c.ns).Create(t.Context(), budget, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	deployment := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(size)), Selector: selector,
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: ofCrowd}, Spec: spec},
	}}
	if _, err := client.AppsV1().Deployments(c.ns).Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.Eventually(t, "all pods have a node", func(context.Context) (bool, string) {
		on := c.on(t)
		return on[shared.RealNodes[0]] == size, fmt.Sprint(on)
	})
	uncordon()
	timed(t, fmt.Sprintf("%d pods on one node are ready", size), func() { c.awaitReady(t) })
	c.remember(t)
	return c
}

// remember has the pods that are there now be those that none of was moved.
func (c *crowd) remember(t *testing.T) {
	t.Helper()
	c.first = map[types.UID]bool{}
	for _, pod := range c.pods(t) {
		c.first[pod.UID] = true
	}
}

// pods returns those that are not on their way out.
func (c *crowd) pods(t *testing.T) []*corev1.Pod {
	t.Helper()
	return podsOf(t, c.ns, "app=crowd")
}

// on counts them by node; those without one are on "".
func (c *crowd) on(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, pod := range c.pods(t) {
		count[pod.Spec.NodeName]++
	}
	return count
}

// moved counts the pods of the beginning that are gone, or on their way out.
func (c *crowd) moved(t *testing.T) int {
	t.Helper()
	moved := len(c.first)
	for _, pod := range c.pods(t) {
		if c.first[pod.UID] {
			moved--
		}
	}
	return moved
}

// run counts the replacements whose containers run, whether the gate is open or not.
func (c *crowd) run(t *testing.T) int {
	t.Helper()
	run := 0
	for _, pod := range c.pods(t) {
		if !c.first[pod.UID] && is(pod, corev1.ContainersReady) {
			run++
		}
	}
	return run
}

// letReady opens the gate of all pods that are there.
func (c *crowd) letReady(t *testing.T) {
	t.Helper()
	for _, pod := range c.pods(t) {
		if is(pod, gate) {
			continue
		}
		patch := fmt.Appendf(nil, `{"status": {"conditions": [{"type": %q, "status": "True"}]}}`, gate)
		if _, err := client.CoreV1().Pods(c.ns).Patch(t.Context(), pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
}

// awaitReady lets its pods be ready, and waits until all are.
func (c *crowd) awaitReady(t *testing.T) {
	t.Helper()
	playgroundtest.Eventually(t, "the crowd is ready", func(ctx context.Context) (bool, string) {
		c.letReady(t)
		deployment, err := client.AppsV1().Deployments(c.ns).Get(ctx, "crowd", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		status := deployment.Status
		return int(status.AvailableReplicas) == c.size && int(status.Replicas) == c.size, fmt.Sprintf("%+v", status)
	})
}

// awaitSpread lets its pods be ready, and waits until each real node has half of them.
func (c *crowd) awaitSpread(t *testing.T) {
	t.Helper()
	playgroundtest.Eventually(t, "the crowd is spread", func(context.Context) (bool, string) {
		c.letReady(t)
		on := c.on(t)
		return on[shared.RealNodes[0]] == c.size/2 && on[shared.RealNodes[1]] == c.size/2, fmt.Sprint(on)
	})
}

// lasting returns the pods of all namespaces that have neither ended nor are on their way out.
func lasting(t *testing.T) []*corev1.Pod {
	t.Helper()
	return slices.DeleteFunc(podsOf(t, metav1.NamespaceAll, ""), func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
}

// requestedCPU returns how much of each node's CPU the pods request, in percent, as a report
// says it: mean, standard deviation, least and most.
func requestedCPU(t *testing.T, pods []*corev1.Pod) []string {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	requested := map[string]int64{}
	for _, pod := range pods {
		for _, container := range pod.Spec.Containers {
			requested[pod.Spec.NodeName] += container.Resources.Requests.Cpu().MilliValue()
		}
	}
	var all []float64
	mean, deviation := 0.0, 0.0
	for _, node := range nodes.Items {
		percent := 100 * float64(requested[node.Name]) / float64(node.Status.Allocatable.Cpu().MilliValue())
		all = append(all, percent)
		mean += percent / float64(len(nodes.Items))
	}
	for _, percent := range all {
		deviation += (percent - mean) * (percent - mean) / float64(len(all))
	}
	var said []string
	for _, figure := range []float64{mean, math.Sqrt(deviation), slices.Min(all), slices.Max(all)} {
		said = append(said, fmt.Sprintf("%.1f", figure))
	}
	return said
}
