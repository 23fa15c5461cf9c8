package executor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/standin"
)

const patience = playgroundtest.Patience

const nodes4 = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- {name: old, count: 2, capacity: {cpu: 8, memory: 32Gi}}
- {name: new, count: 2, capacity: {cpu: 8, memory: 32Gi}}
`

// shared is the playground that the tests share.
var shared = playgroundtest.Shared{Pool: playgroundtest.Nodes(nodes4)}

func TestMain(m *testing.M) { shared.Main(m) }

// live is a namespace of the playground, for one test: its pods are on the old nodes and
// should be on the new ones.
type live struct {
	*testing.T
	client    kubernetes.Interface // of the test itself
	namespace string
	proxy     *proxy
}

func newLive(t *testing.T) *live {
	t.Helper()
	cfg := shared.Config(t)
	client := kubernetes.NewForConfigOrDie(cfg)
	l := &live{T: t, client: client, namespace: playgroundtest.Namespace(t, client), proxy: newProxy(t, cfg)}
	l.open("old")
	return l
}

// open lets the scheduler use the nodes of the group alone.
func (l *live) open(group string) {
	l.Helper()
	list, err := l.client.CoreV1().Nodes().List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	for _, n := range list.Items {
		closed := n.Labels[pool.GroupLabel] != group
		patch := fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, closed)
		if _, err := l.client.CoreV1().Nodes().Patch(l.Context(), n.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			l.Fatal(err)
		}
	}
	playgroundtest.AwaitCordons(l.T, l.client, l.namespace)
}

// addOld adds an old node for the time of the test, and returns its name once it is Ready.
func (l *live) addOld() string {
	l.Helper()
	three, err := pool.Parse([]byte(strings.Replace(nodes4, "count: 2", "count: 3", 1)))
	if err != nil {
		l.Fatal(err)
	}
	n := three.Nodes()[2]
	if _, err := l.client.CoreV1().Nodes().Create(l.Context(), n, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = l.client.CoreV1().Nodes().Delete(context.Background(), n.Name, metav1.DeleteOptions{}) })
	// Controllers write the node as soon as it is there.
	if err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		created, err := l.client.CoreV1().Nodes().Get(l.Context(), n.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		created.Status = n.Status
		_, err = l.client.CoreV1().Nodes().UpdateStatus(l.Context(), created, metav1.UpdateOptions{})
		return err
	}); err != nil {
		l.Fatal(err)
	}
	l.eventually(n.Name+" is Ready", func(ctx context.Context) (bool, string) {
		n, err := l.client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		return err == nil && cluster.NodeReady(n) && len(n.Spec.Taints) == 0, fmt.Sprint(n, err)
	})
	return n.Name
}

// patchNode patches a node, or a subresource of it.
func (l *live) patchNode(name, patch string, subresource ...string) {
	l.Helper()
	if _, err := l.client.CoreV1().Nodes().Patch(l.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, subresource...); err != nil {
		l.Error(err)
	}
}

// eventually waits until the condition holds, and fails the test with what it said last
// when it does not.
func (l *live) eventually(what string, condition func(ctx context.Context) (bool, string)) {
	l.Helper()
	last := ""
	if err := wait.PollUntilContextTimeout(l.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		ok, state := condition(ctx)
		last = state
		return ok, nil
	}); err != nil {
		l.Fatalf("waiting until %s: %v; last seen: %s", what, err, last)
	}
}

// deploy makes a Deployment whose pods run on the old nodes.
func (l *live) deploy(app string, replicas int32, scheduler string) {
	l.Helper()
	labels := map[string]string{"app": app}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: appsv1.DeploymentSpec{
		Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			SchedulerName: scheduler, TerminationGracePeriodSeconds: ptr.To(int64(1)),
			Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
		}},
	}}
	if _, err := l.client.AppsV1().Deployments(l.namespace).Create(l.Context(), d, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
	l.eventually(fmt.Sprint(app, " is ready"), func(ctx context.Context) (bool, string) {
		ready := 0
		for _, p := range l.pods(app) {
			if scheduler != "" && p.Spec.NodeName == "" {
				binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: p.Name, UID: p.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: "old-00000"}}
				_ = l.client.CoreV1().Pods(l.namespace).Bind(ctx, binding, metav1.CreateOptions{})
			}
			if disruption.Ready(p) && p.DeletionTimestamp == nil {
				ready++
			}
		}
		d, err := l.client.AppsV1().Deployments(l.namespace).Get(ctx, app, metav1.GetOptions{})
		return err == nil && ready == int(replicas) && d.Status.AvailableReplicas == replicas, fmt.Sprint(ready, " pods are ready; ", err)
	})
}

// pods returns the pods of an app, or of all.
func (l *live) pods(app string) []*corev1.Pod {
	l.Helper()
	list, err := l.client.CoreV1().Pods(l.namespace).List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		if p := &list.Items[i]; app == "" || p.Labels["app"] == app {
			pods = append(pods, p)
		}
	}
	return pods
}

// protect makes a budget of an app.
func (l *live) protect(app string, maxUnavailable int) {
	l.Helper()
	b := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, MaxUnavailable: ptr.To(intstr.FromInt(maxUnavailable)),
	}}
	if _, err := l.client.PolicyV1().PodDisruptionBudgets(l.namespace).Create(l.Context(), b, metav1.CreateOptions{}); err != nil {
		l.Fatal(err)
	}
}

// prepare opens the new nodes alone, and returns the plan to move all pods there and the
// options to carry it out with, through the proxy.
func (l *live) prepare() (*plan.Plan, Options) {
	l.Helper()
	l.open("new")
	client, err := kubernetes.NewForConfig(&rest.Config{Host: l.proxy.URL, QPS: -1})
	if err != nil {
		l.Fatal(err)
	}
	follower, err := cluster.Follow(l.Context(), client, cluster.FollowOptions{Patience: patience})
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(follower.Stop)
	opts := Options{
		Cluster: follower, Planner: mover(l.namespace), Pods: client.CoreV1(), Clock: clock.RealClock{},
		Evictor:  disruption.NewEvictor(client, disruption.Options{Mode: disruption.ForReal}),
		StandIns: newMover(l, patience), MaxStandIns: 2,
		AtOnce: 4, WaveTimeout: patience, Settle: 3 * time.Second, Patience: 30 * time.Second,
	}
	p, err := opts.Planner.Plan(l.Context(), follower.Snapshot(), plan.Done{})
	if err != nil {
		l.Fatal(err)
	}
	return p, opts
}

// newMover moves pods by stand-ins that may take so long to become ready.
func newMover(l *live, patience time.Duration) *standin.Mover {
	return standin.New(standin.Options{Client: l.client, Clock: clock.RealClock{}, Run: l.namespace, Patience: patience})
}

// mover plans to move the pods of a namespace from old nodes to new ones.
type mover string

func isOld(p *corev1.Pod) bool { return strings.HasPrefix(p.Spec.NodeName, "old-") }

func (m mover) Check(_ context.Context, picture *cluster.Snapshot, moves []plan.Move, _ plan.Done) (kept []plan.Move, dropped []plan.Refusal, err error) {
	there := podsOf(picture)
	for _, move := range moves {
		if p := there[move.Pod.UID]; p != nil && isOld(p) {
			kept = append(kept, move)
		} else {
			dropped = append(dropped, plan.Refusal{Pod: move.Pod, Rule: strategy.Outdated})
		}
	}
	return kept, dropped, nil
}

func (m mover) Plan(_ context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error) {
	var moves []plan.Move
	for _, p := range picture.Pods {
		moved := slices.ContainsFunc(done.Moves, func(m plan.Move) bool { return m.Pod.UID == p.UID })
		if p.Namespace == string(m) && isOld(p) && p.DeletionTimestamp == nil && !moved {
			moves = append(moves, plan.Move{
				Pod:  plan.Pod{Namespace: p.Namespace, Name: p.Name, UID: p.UID},
				From: p.Spec.NodeName, To: "new-00000", Possible: []string{"new-00000", "new-00001"}, Object: p, Objective: awayFrom(p.Spec.NodeName),
			})
		}
	}
	slices.SortFunc(moves, func(a, b plan.Move) int { return strings.Compare(a.Pod.Name, b.Pod.Name) })
	return oneWave(moves...), nil
}

// proxy stands before the API server, and can be told to misbehave.
type proxy struct {
	*httptest.Server
	mu sync.Mutex
	// evict, where given, answers evictions: nothing to pass them on.
	evict func(n int) answer
	away  bool
	asked int
}

func newProxy(t *testing.T, cfg *rest.Config) *proxy {
	t.Helper()
	transport, err := rest.TransportFor(cfg)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(cfg.Host)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport, FlushInterval: -1,
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		how, away := evicts, p.away
		if strings.HasSuffix(r.URL.Path, "/eviction") {
			p.asked++
			if p.evict != nil {
				how = p.evict(p.asked)
			}
			away = away || p.away
		}
		p.mu.Unlock()
		switch {
		case away || how == hangsUp:
			panic(http.ErrAbortHandler)
		case how == refuses:
			say(w, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause}}})
		case how == conflicts:
			say(w, http.StatusConflict, metav1.StatusReasonConflict, nil)
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { p.CloseClientConnections(); p.Close() })
	return p
}

// back lets the API server answer again.
func (p *proxy) back() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = false
}

func (p *proxy) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// watch counts the ready pods of each app, see playgroundtest.LeastReady.
func (l *live) watch() func(least map[string]int) {
	l.Helper()
	return playgroundtest.LeastReady(l.T, l.client, l.namespace)
}
