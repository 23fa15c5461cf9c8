package realtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	chaosName = "stowage-chaos"
	// shopReadyAfter is how long a pod of the shop takes from its container's start until it is
	// ready.
	shopReadyAfter = time.Second
)

// newShop returns a namespace with a Deployment under a budget: its containers take their
// time to become ready and to end.
func newShop(t *testing.T, replicas int32) string {
	t.Helper()
	ns := playgroundtest.Namespace(t, client)
	labels := map[string]string{"app": "web"}
	spec := workload("--listen=:8080", fmt.Sprintf("--ready-after=%s", shopReadyAfter))
	spec.TerminationGracePeriodSeconds = ptr.To[int64](20)
	main := &spec.Containers[0]
	main.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(8080)}}}
	main.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 2}}}
	spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		TopologyKey: corev1.LabelHostname, MaxSkew: 1, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: labels},
	}}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{
		MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: deployment.Spec.Selector,
	}}
	_, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment, metav1.CreateOptions{})
	if err == nil {
		_, err = client.PolicyV1().PodDisruptionBudgets(ns).Create(t.Context(), budget, metav1.CreateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	kubectl(t, "rollout", "status", "-n", ns, "deployment/web", rolloutTimeout)
	return ns
}

// newAgent runs a pod on each real node, which does not tolerate that its node is lost.
func newAgent(t *testing.T, ns string) {
	t.Helper()
	labels := map[string]string{"app": "agent"}
	set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Name: "agent"}, Spec: appsv1.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: workload()},
	}}
	if _, err := client.AppsV1().DaemonSets(ns).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "rollout", "status", "-n", ns, "daemonset/agent", rolloutTimeout)
}

// namesOf returns the names of the shop's pods, those that are on their way out aside.
func namesOf(t *testing.T, ns string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, pod := range podsOf(t, ns, "app=web") {
		names[pod.Name] = true
	}
	return names
}

// busiest returns the node that has the most of the shop's pods.
func busiest(t *testing.T, ns string) string {
	t.Helper()
	counts, most := map[string]int{}, ""
	for _, pod := range podsOf(t, ns, "app=web") {
		if counts[pod.Spec.NodeName]++; counts[pod.Spec.NodeName] > counts[most] {
			most = pod.Spec.NodeName
		}
	}
	return most
}

// TestChaos takes pods and nodes away from outside of the cluster, as from a desk.
func TestChaos(t *testing.T) {
	ns := newShop(t, 4)
	newAgent(t, ns)
	before := marks(t)

	t.Run("a pod", func(t *testing.T) {
		was := namesOf(t, ns)
		r, journal := runForReal(t, 0, "evict", "--namespaces", ns, "--min-availability=75%", "--max-recovery=2m")
		r.wantReal(t, ns, "held")
		if diff := cmp.Diff(map[string]int{"Evicted": 1}, r.Totals.Outcomes); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if cmp.Equal(was, namesOf(t, ns)) {
			t.Error("the pods are the same")
		}
		runChaos(t, "report", journal).want(t, 0, "held: 1 pod chosen", "1 replaced")
	})
	t.Run("a pod, whose replacement takes longer than it may", func(t *testing.T) {
		r, _ := runForReal(t, 2, "evict", "--namespaces", ns, "--max-recovery=500ms")
		r.wantReal(t, ns, "broken")
	})
	for _, loss := range [][]string{{"--kind=drained"}, {"--kind=down"}, {"--kind=down", "--duration=5s"}} {
		t.Run("a node "+strings.Join(loss, " "), func(t *testing.T) {
			r, _ := runForReal(t, 0, append([]string{"node", "--nodes", busiest(t, ns)}, loss...)...)
			r.wantReal(t, ns, "held")
			wantMarks(t, before)
		})
	}
	for _, kind := range []string{"drained", "down"} {
		t.Run("a node "+kind+", and a run that is killed", func(t *testing.T) { killed(t, ns, kind, before) })
	}
	t.Run("a scenario", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "scenario.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, twoSteps, ns, ns, busiest(t, ns)), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _ := runForReal(t, 0, "scenario", "run", file)
		r.wantReal(t, ns, "held")
		wantMarks(t, before)
	})
}

// twoSteps is a scenario of two losses.
const twoSteps = `apiVersion: chaos.stowage.dev/v1alpha1
kind: Scenario
metadata: {name: two-steps}
spec:
  timeout: 10m
  steadyState:
    probes:
    - workloads: {namespaces: [%q], minAvailable: "50%%"}
  objectives: {minAvailability: "50%%", maxUnrecovered: 0}
  steps:
  - evict: {namespaces: %q}
  - awaitRecovery: {}
  - node: {names: [%q], kind: drained, duration: 3s}
`

// killed kills a run while a node is lost, and puts the node back by the run's journal.
func killed(t *testing.T, ns, kind string, before map[string]nodeMarks) {
	node, journal := busiest(t, ns), filepath.Join(t.TempDir(), "run.jsonl")
	running := start(t, chaosName, chaosArgs("node", "--nodes", node, "--kind", kind, "--duration=10m", "--no-dry-run", "--journal", journal)...)
	awaitEmpty(t, ns, node)
	if err := running.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-running.Done()
	if cmp.Equal(before, marks(t)) {
		t.Fatal("the nodes are as they were while the run goes on")
	}
	runChaos(t, chaosArgs("restore", "--all")...).want(t, 3, "skipped run ", "in progress on ")
	runChaos(t, chaosArgs("restore", journal)...).want(t, 0, "Node "+node+": ", "1 object restored")
	wantMarks(t, before)
	runChaos(t, chaosArgs("restore", "--all")...).want(t, 0, "nothing to restore")
}

// awaitEmpty waits until the shop's pods are ready on other nodes.
func awaitEmpty(t *testing.T, ns, node string) {
	t.Helper()
	playgroundtest.Eventually(t, "the shop has left node "+node, func(context.Context) (bool, string) {
		elsewhere := 0
		for _, pod := range podsOf(t, ns, "app=web") {
			if pod.Spec.NodeName != node && isReady(pod) {
				elsewhere++
			}
		}
		web, err := client.AppsV1().Deployments(ns).Get(t.Context(), "web", metav1.GetOptions{})
		return err == nil && elsewhere == int(*web.Spec.Replicas), fmt.Sprintf("%d pods are ready elsewhere; %v", elsewhere, err)
	})
}
