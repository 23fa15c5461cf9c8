package tui

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// noon is when everything in these tests begins.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world builds snapshots.
type world struct{ cluster.Snapshot }

func (w *world) node(name, zone string, ready bool) *corev1.Node {
	status := corev1.ConditionTrue
	if !ready {
		status = corev1.ConditionFalse
	}
	n := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelTopologyZone: zone}},
		Status: corev1.NodeStatus{
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}},
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi")},
		},
	}
	w.Nodes = append(w.Nodes, n)
	return n
}

// deployment adds a Deployment with a pod on each of the nodes.
func (w *world) deployment(namespace, name string, desired int32, nodes ...string) {
	labels := map[string]string{"app": name}
	id := func(part string) types.UID { return types.UID(namespace + "/" + name + part) }
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: id("")}, Spec: appsv1.DeploymentSpec{Replicas: &desired}}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name + "-5d8f", UID: id("-rs"),
		OwnerReferences: []metav1.OwnerReference{{Kind: "Deployment", Name: name, UID: d.UID, Controller: ptr.To(true)}},
	}, Spec: appsv1.ReplicaSetSpec{Replicas: &desired}}
	w.Deployments = append(w.Deployments, d)
	w.ReplicaSets = append(w.ReplicaSets, set)
	for i, node := range nodes {
		w.pod(namespace, fmt.Sprintf("%s-5d8f-%c", name, 'a'+i), node, labels, metav1.OwnerReference{Kind: "ReplicaSet", Name: set.Name, UID: set.UID, Controller: ptr.To(true)})
	}
}

func (w *world) pod(namespace, name, node string, labels map[string]string, owners ...metav1.OwnerReference) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), Labels: labels, OwnerReferences: owners,
			CreationTimestamp: metav1.NewTime(noon.Add(-3 * time.Hour)),
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("2Gi"),
		}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	w.Pods = append(w.Pods, p)
	return p
}

func (w *world) budget(namespace, name string, minAvailable int, pods, healthy, allowed int32) {
	w.Budgets = append(w.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromInt(minAvailable)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
		Status:     policyv1.PodDisruptionBudgetStatus{ExpectedPods: pods, CurrentHealthy: healthy, DesiredHealthy: int32(minAvailable), DisruptionsAllowed: allowed},
	})
}

// small is a cluster with something of everything.
func small() *world {
	w := &world{}
	w.node("node-1", "zone-a", true)
	w.node("node-2", "zone-a", true).Spec.Unschedulable = true
	w.node("node-3", "zone-b", false)
	w.node("node-4", "", true)
	w.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "empty"}}}
	w.pod("default", "bare", "node-4", nil)
	w.deployment("default", "api", 2, "node-1", "node-2")
	w.deployment("default", "gone", 3)
	w.deployment("shop", "web", 3, "node-1", "node-2", "node-3")
	last := w.Pods[len(w.Pods)-1]
	last.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady", Message: "containers with unready status: [web]"}}
	w.pod("shop", "waits", "", map[string]string{"app": "api"}).Status = corev1.PodStatus{
		Phase:      corev1.PodPending,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/4 nodes are available: 4 Insufficient cpu."}},
	}
	w.budget("default", "api", 1, 2, 2, 1)
	w.budget("shop", "web", 2, 3, 2, 0)
	return w
}

// without returns the snapshot less a pod.
func (w *world) without(pod string) *world {
	next := &world{w.Snapshot}
	next.Pods = nil
	for _, p := range w.Pods {
		if p.Name != pod {
			next.Pods = append(next.Pods, p)
		}
	}
	return next
}

func (w *world) board() *board { return newBoard(target.NewPicture(&w.Snapshot, noon), nil) }

// actions is a fake that writes down what it is asked.
type actions struct {
	mu         sync.Mutex
	calls      []string
	prediction *assess.Prediction
	previewErr error
	restoreErr error
	// finish ends Do, and with the error; a Do that is aborted ends with the context's.
	finish chan error
	// hold, where set, keeps Restore until it is closed.
	hold chan struct{}
}

func newActions() *actions {
	return &actions{finish: make(chan error), prediction: evicting()}
}

// evicting predicts the eviction of the first pod of default/api.
func evicting() *assess.Prediction {
	return &assess.Prediction{
		How:       assess.Evict,
		Pods:      []assess.PodFate{{Namespace: "default", Pod: "api-5d8f-a", Workload: "Deployment default/api", From: "node-1", Fate: assess.Fits, Node: "node-4", Possible: []string{"node-1", "node-4"}, Wave: 1}},
		Workloads: []assess.WorkloadFate{{Workload: "Deployment default/api", Desired: 2, Ready: 2, Floor: 1, After: 2}},
		Budgets:   []assess.BudgetFate{{Namespace: "default", Budget: "api", Allowed: 1, Spent: 1}},
		Waves:     1,
	}
}

func (a *actions) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, fmt.Sprintf(format, args...))
}

func (a *actions) said() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(a.calls, "; ")
}

func (a *actions) Preview(_ context.Context, v Victim) (*assess.Prediction, error) {
	a.note("preview %s %s %s", v.How, v.Kind, v)
	return a.prediction, a.previewErr
}

func (a *actions) Do(ctx context.Context, v Victim) error {
	a.note("do %s %s %s", v.How, v.Kind, v)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-a.finish:
		return err
	}
}

func (a *actions) Abort() { a.note("abort") }

func (a *actions) Restore(ctx context.Context) error {
	if a.hold != nil {
		select {
		case <-a.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if ctx.Err() != nil {
		a.note("restore in vain")
		return ctx.Err()
	}
	a.note("restore")
	return a.restoreErr
}

// user drives a model by messages.
type user struct {
	*testing.T
	*model
	actions *actions
	now     *clocktesting.FakePassiveClock
}

func newUser(t *testing.T, w *world, dryRun bool) *user {
	a := newActions()
	now := clocktesting.NewFakePassiveClock(noon)
	u := &user{t, newModel(t.Context(), Options{Actions: a, Title: "kind-test", DryRun: dryRun, Restore: "stowage-chaos restore --all --context kind-test"}, now), a, now}
	if w != nil {
		u.Update(boardMsg{w.board()})
	}
	return u
}

// press presses keys, named as in the model, with spaces between them, and returns what
// is to be done after the last.
func (u *user) press(keys string) tea.Cmd {
	var cmd tea.Cmd
	for _, name := range strings.Fields(keys) {
		_, cmd = u.Update(key(name))
	}
	return cmd
}

// write types a text.
func (u *user) write(text string) {
	for _, r := range text {
		u.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

// after runs a command and all that follow from it, until nothing is to be done; it says
// whether the program was to end.
func (u *user) after(cmd tea.Cmd) (quit bool) {
	for cmd != nil {
		msg := cmd()
		if _, quit := msg.(tea.QuitMsg); quit {
			return true
		}
		_, cmd = u.Update(msg)
	}
	return false
}

// step runs one command.
func (u *user) step(cmd tea.Cmd) tea.Cmd {
	_, next := u.Update(cmd())
	return next
}

func (u *user) sees(text string) {
	u.Helper()
	if got := u.text(); !strings.Contains(got, text) {
		u.Errorf("the screen does not say %q:\n%s", text, got)
	}
}

func key(name string) tea.KeyPressMsg {
	special := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"tab": tea.KeyTab, "backspace": tea.KeyBackspace, "pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd,
	}
	if name == "ctrl+c" {
		return tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	}
	if name == "shift+tab" {
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	}
	if code, is := special[name]; is {
		return tea.KeyPressMsg{Code: code}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}
