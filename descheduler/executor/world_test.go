package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// answer is what the API server says to an eviction.
type answer int

const (
	evicts answer = iota // and what controls the pod replaces it
	refuses
	tooBusy
	forbids
	fails
	conflicts
	notFound
	putsOff          // as an admission webhook does that moves the pod itself
	denies           // as one that does not
	hangsUp          // without having done anything
	evictsAndHangsUp // so that nobody knows
)

// world is a cluster whose controllers and scheduler do as the test says, behind an API
// server that evicts. Its clock runs by itself.
type world struct {
	*testing.T
	clock  *clocktesting.FakeClock
	client kubernetes.Interface

	// answer says how an eviction is answered, by the pod's name and the number of the
	// request, from 1; nil evicts.
	answer func(pod string, n int) answer
	// place is where the replacement of a pod gets: no node where it is empty. Nil puts
	// all on node z.
	place func(pod string) string
	// unready are replacements that do not become ready, by the node they are on.
	unready map[string]bool
	// away says that the API server cannot answer questions about pods.
	away bool
	// behind is how long after an eviction the status of a budget allows no other, by its name.
	behind map[string]time.Duration
	frozen map[string]time.Time
	// then is called after each eviction that was done, with the world locked.
	then func(pod string)

	// tick is called before each step of the clock.
	tick func()
	// kubelets are those of the nodes; nil where these are fake.
	kubelets *kubelets

	mu       sync.Mutex
	changed  chan struct{}
	now      cluster.Snapshot
	requests []string
	created  int
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, clock: clocktesting.NewFakeClock(time.Unix(1_000_000, 0)), changed: make(chan struct{}), unready: map[string]bool{}, frozen: map[string]time.Time{}}
	for _, name := range []string{"a", "b", "z"} {
		w.now.Nodes = append(w.now.Nodes, node(name, corev1.ConditionTrue))
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	go func() {
		for t.Context().Err() == nil {
			if w.clock.HasWaiters() {
				if w.tick != nil {
					w.tick()
				}
				if w.kubelets != nil {
					w.kubelets.step(w)
				}
				w.clock.Step(time.Second)
			}
			time.Sleep(20 * time.Microsecond)
		}
	}()
	return w
}

// workload adds a ReplicaSet with one pod on each of the nodes: web-1, web-2 and so on.
func (w *world) workload(name string, nodes ...string) {
	w.now.ReplicaSets = append(w.now.ReplicaSets, &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(len(nodes)))},
		Status:     appsv1.ReplicaSetStatus{Replicas: int32(len(nodes))},
	})
	for i, n := range nodes {
		w.now.Pods = append(w.now.Pods, pod(fmt.Sprintf("%s-%d", name, i+1), n))
	}
}

// budget protects a workload.
func (w *world) budget(app string, maxUnavailable int) {
	w.now.Budgets = append(w.now.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: app, Generation: 1},
		Spec: policyv1.PodDisruptionBudgetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, MaxUnavailable: ptr.To(intstr.FromInt(maxUnavailable)),
		},
		Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1},
	})
	w.count()
}

// count does the disruption controller's work.
func (w *world) count() {
	for i, b := range w.now.Budgets {
		b = b.DeepCopy()
		healthy := 0
		for _, p := range w.now.Pods {
			if p.Labels["app"] == b.Name && p.DeletionTimestamp == nil && disruption.Ready(p) {
				healthy++
			}
		}
		set := w.now.ReplicaSets[slices.IndexFunc(w.now.ReplicaSets, func(s *appsv1.ReplicaSet) bool { return s.Name == b.Name })]
		desired := int(*set.Spec.Replicas) - b.Spec.MaxUnavailable.IntValue()
		b.Status.ExpectedPods, b.Status.CurrentHealthy, b.Status.DesiredHealthy = *set.Spec.Replicas, int32(healthy), int32(desired)
		b.Status.DisruptionsAllowed = int32(max(0, healthy-desired))
		if w.clock.Now().Before(w.frozen[b.Name]) {
			b.Status.DisruptionsAllowed = 0
		}
		b.ResourceVersion = fmt.Sprint(w.created, len(w.requests), w.clock.Now().UnixNano())
		w.now.Budgets[i] = b
	}
}

// Snapshot implements Cluster.
func (w *world) Snapshot() *cluster.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	picture := w.now
	picture.Pods, picture.Nodes, picture.ReplicaSets, picture.Budgets = slices.Clone(w.now.Pods), slices.Clone(w.now.Nodes), slices.Clone(w.now.ReplicaSets), slices.Clone(w.now.Budgets)
	return &picture
}

// Changed implements Cluster.
func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// change changes the cluster.
func (w *world) change(how func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	how()
	w.count()
	close(w.changed)
	w.changed = make(chan struct{})
}

// remove takes a pod away.
func (w *world) remove(name string) {
	w.now.Pods = slices.DeleteFunc(slices.Clone(w.now.Pods), func(p *corev1.Pod) bool { return p.Name == name })
}

// find returns a pod, or nil.
func (w *world) find(name string) *corev1.Pod {
	for _, p := range w.now.Pods {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// renew puts a copy of the pod in its place, to be changed.
func (w *world) renew(pod *corev1.Pod) *corev1.Pod {
	is := pod.DeepCopy()
	w.now.Pods = slices.Clone(w.now.Pods)
	w.now.Pods[slices.Index(w.now.Pods, pod)] = is
	return is
}

// evict removes a pod, or has it go, and has it replaced.
func (w *world) evict(name string) {
	old := w.find(name)
	if old != nil && old.DeletionTimestamp != nil {
		return
	}
	if old != nil {
		w.frozen[old.Labels["app"]] = w.clock.Now().Add(w.behind[old.Labels["app"]])
	}
	if w.kubelets != nil && old != nil {
		w.kubelets.terminate(w, old)
	} else {
		w.remove(name)
	}
	if old != nil && len(old.OwnerReferences) > 0 {
		w.created++
		on := "z"
		if w.place != nil {
			on = w.place(name)
		}
		p := pod(fmt.Sprintf("%s-new%d", old.Labels["app"], w.created), on)
		switch {
		case on == "":
			p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"}}}
		case w.unready[on]:
			p.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Message: "containers with unready status"}
		}
		if w.kubelets != nil && on != "" {
			w.kubelets.start(w, p)
		}
		w.now.Pods = append(w.now.Pods, p)
	}
	if w.then != nil {
		w.then(name)
	}
}

// ServeHTTP is the API server.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	name := strings.Split(r.URL.Path, "/")[6]
	if r.Method == http.MethodGet {
		w.mu.Lock()
		p, away := w.find(name), w.away
		w.mu.Unlock()
		switch {
		case away:
			say(rw, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, nil)
		case p == nil:
			say(rw, http.StatusNotFound, metav1.StatusReasonNotFound, nil)
		default:
			rw.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(rw).Encode(p)
		}
		return
	}
	w.mu.Lock()
	w.requests = append(w.requests, name)
	n := len(w.requests)
	w.mu.Unlock()
	how := evicts
	if w.answer != nil {
		how = w.answer(name, n)
	}
	if how == evicts && r.URL.Query().Get("dryRun") == "" || how == evictsAndHangsUp {
		w.change(func() { w.evict(name) })
	}
	switch how {
	case evicts:
		say(rw, http.StatusCreated, "", nil)
	case refuses:
		say(rw, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, &metav1.StatusDetails{
			Causes: []metav1.StatusCause{{Type: policyv1.DisruptionBudgetCause, Message: "The disruption budget web needs more"}},
		})
	case tooBusy:
		say(rw, http.StatusTooManyRequests, metav1.StatusReasonTooManyRequests, &metav1.StatusDetails{RetryAfterSeconds: 30})
	case forbids:
		say(rw, http.StatusForbidden, metav1.StatusReasonForbidden, nil)
	case fails:
		say(rw, http.StatusInternalServerError, metav1.StatusReasonInternalError, nil)
	case conflicts:
		say(rw, http.StatusConflict, metav1.StatusReasonConflict, nil)
	case putsOff, denies:
		code := map[answer]int32{putsOff: http.StatusTooManyRequests, denies: http.StatusForbidden}[how]
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(int(code))
		_ = json.NewEncoder(rw).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: code, Message: `admission webhook "vm" denied the request: as it likes`})
	case notFound:
		say(rw, http.StatusNotFound, metav1.StatusReasonNotFound, nil)
	default:
		panic(http.ErrAbortHandler)
	}
}

func say(rw http.ResponseWriter, code int, reason metav1.StatusReason, details *metav1.StatusDetails) {
	status := metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Code: int32(code), Reason: reason, Message: string(reason), Details: details}
	if status.Status = metav1.StatusSuccess; code >= 400 {
		status.Status = metav1.StatusFailure
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_ = json.NewEncoder(rw).Encode(status)
}

// options are those of a run in this world.
func (w *world) options(p Planner) Options {
	return Options{
		Cluster: w, Planner: p, Pods: w.client.CoreV1(), Clock: w.clock,
		Evictor:     disruption.NewEvictor(w.client, disruption.Options{Mode: disruption.ForReal}),
		WaveTimeout: 5 * time.Minute, Settle: 30 * time.Second, Patience: time.Minute,
	}
}

// planner plans as the test says. Its zero value agrees to all moves and plans nothing.
type planner struct {
	// refuse says why a move is not justified, or nothing.
	refuse func(plan.Move) string
	// plan makes new plans.
	plan func(picture *cluster.Snapshot, done plan.Done) *plan.Plan
}

func (p *planner) Check(_ context.Context, _ *cluster.Snapshot, moves []plan.Move, _ plan.Done) (kept []plan.Move, dropped []plan.Refusal, err error) {
	for _, m := range moves {
		if p.refuse != nil && p.refuse(m) != "" {
			dropped = append(dropped, plan.Refusal{Pod: m.Pod, Rule: strategy.NoImprovement, Reason: p.refuse(m)})
			continue
		}
		kept = append(kept, m)
	}
	return kept, dropped, nil
}

func (p *planner) Plan(_ context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error) {
	if p.plan == nil {
		return &plan.Plan{}, nil
	}
	return p.plan(picture, done), nil
}

// awayFrom is the objective to be on another node. It gains nothing where the state is not
// as it should be: with the pod itself on it, or with another one twice.
type awayFrom string

func (o awayFrom) Gain(state *strategy.State, p *corev1.Pod, to string) float64 {
	seen := map[types.UID]bool{p.UID: true}
	for _, other := range state.Node(to).Pods {
		if seen[other.UID] {
			return 0
		}
		seen[other.UID] = true
	}
	if to == string(o) {
		return 0
	}
	return 1
}
func (awayFrom) Describe(float64) string { return "is elsewhere" }

// fewerThan is the objective that the pod's node has fewer pods than so many: by those that stay
// where it leaves, and by all where it comes.
type fewerThan int64

func (o fewerThan) Gain(state *strategy.State, p *corev1.Pod, to string) float64 {
	from, there := state.Node(p.Spec.NodeName), state.Node(to)
	if there.Requested[corev1.ResourcePods]+1 >= int64(o) {
		return 0
	}
	without := from.Lasting[corev1.ResourcePods]
	return float64(max(0, without+2-int64(o)) - max(0, without+1-int64(o)))
}
func (fewerThan) Describe(float64) string { return "its node has fewer" }

// move moves a pod from where it is in the world to a node.
func (w *world) move(name, to string) plan.Move {
	p := w.find(name)
	return plan.Move{
		Pod: plan.Pod{Namespace: p.Namespace, Name: name, UID: p.UID}, Profile: "default", Strategy: "Test", Reason: "node is hot",
		From: p.Spec.NodeName, To: to, Object: p, Objective: awayFrom(p.Spec.NodeName),
	}
}

// oneWave is a plan of a single wave.
func oneWave(moves ...plan.Move) *plan.Plan {
	p := &plan.Plan{Moves: moves, Waves: [][]int{{}}}
	for i := range moves {
		p.Waves[0] = append(p.Waves[0], i)
	}
	return p
}

func pod(name, on string) *corev1.Pod {
	app, _, _ := strings.Cut(name, "-")
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: ptr.To(true)}},
		},
		Spec:   corev1.PodSpec{NodeName: on, SchedulerName: "default-scheduler"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

func node(name string, ready corev1.ConditionStatus) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}}}
}
