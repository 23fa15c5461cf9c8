package disruption

import (
	"context"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const patience = playgroundtest.Patience

// nodes are enough for the pods that tests put on them. Most pods get no node, and
// their status from the test.
const nodes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: general, count: 3, capacity: {cpu: 8, memory: 32Gi}}
`

// shared is the playground that the tests share.
var shared = playgroundtest.Shared{Pool: playgroundtest.Nodes(nodes), Options: playground.Options{NoKubeScheduler: true}}

func TestMain(m *testing.M) { shared.Main(m) }

// testCluster is a namespace of the playground, for one test.
type testCluster struct {
	*testing.T
	client    kubernetes.Interface
	namespace string
}

func newCluster(t *testing.T) *testCluster {
	t.Helper()
	client := kubernetes.NewForConfigOrDie(shared.Config(t))
	return &testCluster{T: t, client: client, namespace: playgroundtest.Namespace(t, client)}
}

// eventually waits until the condition holds, and fails the test with what it said
// last when it does not.
func (c *testCluster) eventually(what string, condition func(ctx context.Context) (bool, string)) {
	c.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(c.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		ok, state := condition(ctx)
		if ctx.Err() == nil { // a request that the deadline cut off tells nothing
			last = state
		}
		return ok, nil
	})
	if err != nil {
		c.Fatalf("waiting until %s: %v; last seen: %s", what, err, last)
	}
}

// must fails the test on an error, and otherwise returns what there is.
func must[T any](t *testing.T) func(T, error) T {
	return func(got T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}

// podSpec is of a pod that no scheduler puts on a node.
func podSpec() corev1.PodSpec {
	return corev1.PodSpec{
		SchedulerName: "nobody", TerminationGracePeriodSeconds: ptr.To(int64(1)),
		Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
	}
}

// create makes the pod, with the status that it has.
func (c *testCluster) create(p *corev1.Pod) *corev1.Pod {
	c.Helper()
	p = p.DeepCopy()
	status := p.Status
	p.Namespace, p.UID, p.Spec, p.OwnerReferences = c.namespace, "", podSpec(), nil
	created := must[*corev1.Pod](c.T)(c.client.CoreV1().Pods(c.namespace).Create(c.Context(), p, metav1.CreateOptions{}))
	return c.become(created, status)
}

func (c *testCluster) become(p *corev1.Pod, status corev1.PodStatus) *corev1.Pod {
	c.Helper()
	p = p.DeepCopy()
	p.Status = status
	return must[*corev1.Pod](c.T)(c.client.CoreV1().Pods(p.Namespace).UpdateStatus(c.Context(), p, metav1.UpdateOptions{}))
}

// protect makes the budget, and waits until the disruption controller counts so many
// healthy pods.
func (c *testCluster) protect(b *policyv1.PodDisruptionBudget, healthy int32) {
	c.Helper()
	c.newBudget(b)
	c.awaitBudget(b.Name, fmt.Sprint(healthy, " healthy pods"), func(b *policyv1.PodDisruptionBudget) bool { return b.Status.CurrentHealthy == healthy })
}

func (c *testCluster) newBudget(b *policyv1.PodDisruptionBudget) {
	c.Helper()
	b = &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: b.Name}, Spec: b.Spec}
	must[*policyv1.PodDisruptionBudget](c.T)(c.client.PolicyV1().PodDisruptionBudgets(c.namespace).Create(c.Context(), b, metav1.CreateOptions{}))
}

func (c *testCluster) awaitBudget(name, what string, condition func(*policyv1.PodDisruptionBudget) bool) {
	c.Helper()
	last := ""
	c.eventually(fmt.Sprintf("budget %s has %s", name, what), func(ctx context.Context) (bool, string) {
		b, err := c.client.PolicyV1().PodDisruptionBudgets(c.namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil { // perhaps no more than that the time is up
			return false, fmt.Sprint(last, "; ", err)
		}
		last = fmt.Sprintf("%+v of %+v", b.Status, b.Spec)
		return b.Status.ObservedGeneration == b.Generation && condition(b), last
	})
}

// look returns the budgets and the pods of the namespace, and the nodes.
func (c *testCluster) look(ctx context.Context) (budgets, pods, []*corev1.Node) {
	c.Helper()
	waited := must[budgets](c.T)(WaitObserved(ctx, c.client, c.namespace, nil))
	list := must[*corev1.PodList](c.T)(c.client.CoreV1().Pods(c.namespace).List(ctx, metav1.ListOptions{}))
	var all pods
	for i := range list.Items {
		all = append(all, &list.Items[i])
	}
	var nodes []*corev1.Node
	there := must[*corev1.NodeList](c.T)(c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{}))
	for i := range there.Items {
		nodes = append(nodes, &there.Items[i])
	}
	return waited, all, nodes
}

func (c *testCluster) ledger() *Ledger { return NewLedger(c.look(c.Context())) }

func (c *testCluster) evict(p *corev1.Pod) Result {
	return NewEvictor(c.client, Options{Mode: ForReal}).Evict(c.Context(), TargetOf(p))
}

// replicas returns a spec of ReplicaSets and Deployments for an app.
func replicas(app string, number int32) appsv1.DeploymentSpec {
	labels := map[string]string{"app": app}
	return appsv1.DeploymentSpec{
		Replicas: &number, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
	}
}
