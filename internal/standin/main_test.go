package standin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// Pods begin on node from-00000, and are moved to node to-00000. No pod gets on node shut-00000.
const nodes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: from, count: 1, capacity: {cpu: 8, memory: 32Gi}}
- {name: to, count: 1, capacity: {cpu: 8, memory: 32Gi}}
- {name: shut, count: 1, capacity: {cpu: 8, memory: 32Gi}, taints: [{key: shut, effect: NoSchedule}]}
`

const from, to, shut = "from-00000", "to-00000", "shut-00000"

// shared is the playground that the tests share.
var shared = playgroundtest.Shared{Pool: playgroundtest.Nodes(nodes)}

func TestMain(m *testing.M) { shared.Main(m) }

// live is a namespace of the playground, for one test.
type live struct {
	*testing.T
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
}

func newLive(t *testing.T) *live {
	t.Helper()
	cfg := shared.Config(t)
	cfg.QPS = -1
	client := kubernetes.NewForConfigOrDie(cfg)
	return &live{T: t, config: cfg, client: client, namespace: playgroundtest.Namespace(t, client)}
}

// deploy creates a Deployment whose pods run on the first node, and a budget that allows no
// disruption.
func (l *live) deploy(replicas int32) {
	l.Helper()
	labels := map[string]string{"app": "web"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{corev1.PodDeletionCost: "7"}}, Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: ptr.To(int64(1)),
			Containers:                    []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
			Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight: 100, Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{from}}}},
			}}}},
		}},
	}}
	if _, err := l.client.AppsV1().Deployments(l.namespace).Create(l.Context(), d, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: d.Spec.Selector, MinAvailable: ptr.To(intstr.FromString("100%")),
	}}
	if _, err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Create(l.Context(), budget, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	l.settled(replicas)
}

// settled waits until the Deployment has so many pods, all of them ready and like any other, and
// the budget has counted them.
func (l *live) settled(replicas int32) []corev1.Pod {
	l.Helper()
	var pods []corev1.Pod
	playgroundtest.Eventually(l.T, fmt.Sprint(replicas, " pods are there, and nothing else"), func(ctx context.Context) (bool, string) {
		pods = l.pods()
		d, err := l.client.AppsV1().Deployments(l.namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		state := fmt.Sprintf("%+v;", d.Status)
		done := len(pods) == int(replicas) && d.Status.AvailableReplicas == replicas && d.Status.Replicas == replicas && d.Status.UpdatedReplicas == replicas && d.Status.ObservedGeneration == d.Generation
		for i := range pods {
			pod := &pods[i]
			state += fmt.Sprintf(" %s on %s %v %v;", pod.Name, pod.Spec.NodeName, pod.Labels, pod.Annotations)
			done = done && disruption.Ready(pod) && metav1.GetControllerOf(pod) != nil && pod.DeletionTimestamp == nil &&
				pod.Labels[cluster.StandInLabel] == "" && pod.Labels[tie] != "" && pod.Annotations[corev1.PodDeletionCost] == "7"
		}
		b, err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		state += fmt.Sprintf(" %+v", b.Status)
		return done && b.Status.CurrentHealthy == replicas && b.Status.ExpectedPods == replicas && b.Status.ObservedGeneration == b.Generation, state
	})
	return pods
}

func (l *live) pods() []corev1.Pod {
	l.Helper()
	list, err := l.client.CoreV1().Pods(l.namespace).List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	return list.Items
}

// pod returns a pod on the first node.
func (l *live) pod() *corev1.Pod {
	l.Helper()
	for _, pod := range l.pods() {
		if pod.Spec.NodeName == from && pod.DeletionTimestamp == nil && !cluster.IsStandIn(&pod) {
			return &pod
		}
	}
	l.Fatalf("no pod is on node %s", from)
	return nil
}

// mover returns a mover that is stopped, as by SIGKILL, when the API server has got so many
// writes; 0 is never. Nobody hears of the last one's answer.
func (l *live) mover(run string, writes int) (*Mover, context.Context) {
	l.Helper()
	ctx, kill := context.WithCancelCause(l.Context())
	cfg := rest.CopyConfig(l.config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return &killer{next: next, kill: kill, left: writes, never: writes == 0}
	})
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		l.Fatal(err)
	}
	return New(Options{Client: client, Clock: clock.RealClock{}, Run: run, Patience: playgroundtest.Patience}), ctx
}

type killer struct {
	next  http.RoundTripper
	kill  context.CancelCauseFunc
	mu    sync.Mutex
	left  int
	never bool
}

var errKilled = errors.New("killed")

// RoundTrip implements http.RoundTripper.
func (k *killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response, err := k.next.RoundTrip(r)
	if r.Method == http.MethodGet || k.never || err != nil {
		return response, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.left--; k.left > 0 {
		return response, nil
	}
	_ = response.Body.Close()
	k.kill(errKilled)
	return nil, errKilled
}

// restore ends what runs before have left, when their time is over.
func (l *live) restore() []Restored {
	l.Helper()
	m, ctx := l.mover("restore", 0)
	m.Clock = later{}
	all, err := m.Restore(ctx, l.namespace)
	if err != nil {
		l.Fatal(err)
	}
	return all
}

// later is a clock that is an hour ahead.
type later struct{ clock.RealClock }

func (later) Now() time.Time { return time.Now().Add(time.Hour) }

// watch counts the ready pods, and returns a function that fails the test if there were fewer than this at
// any time.
func (l *live) watch() (atLeast func(int)) {
	l.Helper()
	least := playgroundtest.LeastReady(l.T, l.client, l.namespace)
	return func(n int) {
		l.Helper()
		least(map[string]int{"web": n})
	}
}

// patchDeployment changes the Deployment.
func (l *live) patchDeployment(patch string) {
	l.Helper()
	if _, err := l.client.AppsV1().Deployments(l.namespace).Patch(l.Context(), "web", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		l.Fatal(err)
	}
}
