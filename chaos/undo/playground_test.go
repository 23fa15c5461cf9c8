package undo_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const patience = playgroundtest.Patience

// mortal makes requests until it has made so many that write. The last of them reaches the
// API server, and its answer nobody: so it is with a process that is killed.
type mortal struct {
	next http.RoundTripper

	mu   sync.Mutex
	life int
}

var errKilled = errors.New("killed")

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life < 0 {
		return nil, errKilled
	}
	if r.Method == http.MethodGet {
		return m.next.RoundTrip(r)
	}
	m.life--
	answer, err := m.next.RoundTrip(r)
	if m.life >= 0 || err != nil {
		return answer, err
	}
	answer.Body.Close()
	return nil, errKilled
}

// state is what a run must leave as it has found it.
type state struct {
	Nodes       []corev1.Node
	Deployments []appsv1.Deployment
	ReplicaSets []map[string]string
	Pods        []corev1.PodCondition
}

// look returns the state, without what changes by itself.
func look(ctx context.Context, t *testing.T, client kubernetes.Interface) state {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var s state
	for _, node := range nodes.Items {
		node.ResourceVersion, node.ManagedFields = "", nil
		for i := range node.Status.Conditions {
			node.Status.Conditions[i].LastHeartbeatTime, node.Status.Conditions[i].LastTransitionTime = metav1.Time{}, metav1.Time{}
		}
		slices.SortFunc(node.Status.Conditions, func(a, b corev1.NodeCondition) int { return cmp.Compare(a.Type, b.Type) })
		s.Nodes = append(s.Nodes, node)
	}
	deployments, err := client.AppsV1().Deployments("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deployments.Items {
		s.Deployments = append(s.Deployments, appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: d.Name, Labels: d.Labels}, Spec: d.Spec})
	}
	sets, err := client.AppsV1().ReplicaSets("default").List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range sets.Items {
		delete(set.Annotations, "deployment.kubernetes.io/desired-replicas")
		delete(set.Annotations, "deployment.kubernetes.io/max-replicas")
		s.ReplicaSets = append(s.ReplicaSets, set.Labels, set.Annotations)
	}
	pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName!="})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		s.Pods = append(s.Pods, corev1.PodCondition{Message: pod.Name, Status: map[bool]corev1.ConditionStatus{true: "True", false: "False"}[disruption.Ready(&pod)]})
	}
	return s
}

// wreak changes all that can be changed, until it is killed.
func wreak(ctx context.Context, client kubernetes.Interface, run string) error {
	u, err := undo.New(client, run, func(journal.Change) error { return nil }, clock.RealClock{})
	if err != nil {
		return err
	}
	node := func(name string) *corev1.Node {
		n, err2 := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			err = err2
		}
		return n
	}
	silent, cordoned, others := node("general-00000"), node("general-00001"), node("metal")
	if err != nil {
		return err
	}
	labels, err := u.Created("Pod default/created")
	if err != nil {
		return err
	}
	steps := []func() error{
		func() error { return u.Cordon(ctx, silent, cordoned) },
		func() error {
			_, err := client.CoreV1().Pods("default").Create(ctx, pod("created", "", labels), metav1.CreateOptions{})
			return err
		},
		func() error { return u.Scale(ctx, "Deployment", "default", "web", 0) },
		func() error { return u.Scale(ctx, "Deployment", "default", "web", 3) },
		func() error {
			return u.Taint(ctx, corev1.Taint{Key: "example.com/notice", Effect: corev1.TaintEffectNoSchedule}, silent, cordoned)
		},
		func() error { return u.Down(ctx, others, silent) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func pod(name, node string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Spec: corev1.PodSpec{
		NodeName: node, SchedulerName: "nobody",
		Containers:  []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause"}},
		Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
	}}
}

// heartbeats are those of a node that nobody fakes, until the test ends.
func heartbeats(t *testing.T, client kubernetes.Interface, node string) {
	t.Helper()
	leases := client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: ptr.To[int32](40)}}
	if _, err := leases.Create(t.Context(), lease, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { <-ended })
	go func() {
		defer close(ended)
		for {
			select {
			case <-time.After(3 * time.Second):
			case <-t.Context().Done():
				return
			}
			// An update that fails is made up for by the next.
			lease.Spec.RenewTime = &metav1.MicroTime{Time: time.Now()}
			_, _ = leases.Update(t.Context(), lease, metav1.UpdateOptions{})
		}
	}()
}

// TestRestoreAfterACrashAtEachRequest kills a run after each of its requests that change
// something.
func TestRestoreAfterACrashAtEachRequest(t *testing.T) {
	cfg := shared.Config(t)
	client := kubernetes.NewForConfigOrDie(cfg)
	ctx := t.Context()
	metal := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "metal", Labels: map[string]string{corev1.LabelHostname: "metal"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "example.com/kept", Effect: corev1.TaintEffectNoSchedule}}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}},
	}
	heartbeats(t, client, metal.Name)
	app := map[string]string{"app": "web"}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: app},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app}, Spec: pod("", "", nil).Spec},
	}}
	_, err1 := client.CoreV1().Nodes().Create(ctx, metal, metav1.CreateOptions{})
	_, err2 := client.AppsV1().Deployments("default").Create(ctx, web, metav1.CreateOptions{})
	_, err3 := client.CoreV1().Pods("default").Create(ctx, pod("patient", "general-00000", nil), metav1.CreateOptions{})
	cordon := []byte(`{"spec": {"unschedulable": true}}`)
	_, err4 := client.CoreV1().Nodes().Patch(ctx, "general-00001", "application/merge-patch+json", cordon, metav1.PatchOptions{})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	settle := func() state {
		t.Helper()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		names := []string{"metal"}
		for i := range 12 {
			names = append(names, fmt.Sprintf("general-%05d", i))
		}
		if err := undo.AwaitReady(ctx, client, names, func() {}); err != nil {
			t.Fatal(err)
		}
		await(t, "the pod on the silent node is ready, and what was created is gone", func(ctx context.Context) bool {
			patient, err := client.CoreV1().Pods("default").Get(ctx, "patient", metav1.GetOptions{})
			_, gone := client.CoreV1().Pods("default").Get(ctx, "created", metav1.GetOptions{})
			sets, err2 := client.AppsV1().ReplicaSets("default").List(ctx, metav1.ListOptions{})
			cordoned, err3 := client.CoreV1().Nodes().Get(ctx, "general-00001", metav1.GetOptions{})
			return errors.Join(err, err2, err3) == nil && disruption.Ready(patient) && apierrors.IsNotFound(gone) && len(cordoned.Spec.Taints) == 1 &&
				len(sets.Items) == 1 && *sets.Items[0].Spec.Replicas == 2
		})
		return look(ctx, t, client)
	}
	before := settle()
	finished := false
	for life := 0; !finished; life++ {
		mortalConfig := rest.CopyConfig(cfg)
		mortalConfig.Wrap(func(next http.RoundTripper) http.RoundTripper { return &mortal{next: next, life: life - 1} })
		err := wreak(ctx, kubernetes.NewForConfigOrDie(mortalConfig), fmt.Sprintf("run-%d", life))
		finished = err == nil
		if !finished && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		left, err := undo.Leftovers(ctx, client)
		if err != nil {
			t.Fatal(err)
		}
		if (len(left) > 0) != (life > 0) {
			t.Errorf("killed after request %d: leftovers %q", life, left)
		}
		restored, err := undo.Restore(ctx, client, map[bool]string{true: fmt.Sprintf("run-%d", life), false: ""}[life%2 == 0], nil)
		if err != nil || restored != len(left) {
			t.Errorf("killed after request %d: put back %d objects, error %v, of %q", life, restored, err, left)
		}
		if left, err := undo.Leftovers(ctx, client); err != nil || len(left) > 0 {
			t.Errorf("killed after request %d: left when put back: %q, error %v", life, left, err)
		}
		if diff := gocmp.Diff(before, settle()); diff != "" {
			t.Errorf("killed after request %d (-before +after):\n%s", life, diff)
		}
		t.Logf("request %d: %q", life, left)
	}
}

// meanwhile does something before the first request of a method.
type meanwhile struct {
	next   http.RoundTripper
	method string
	do     func()
	once   sync.Once
}

func (m *meanwhile) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == m.method {
		m.once.Do(m.do)
	}
	return m.next.RoundTrip(r)
}

// TestOthersChangeANodeInBetween has somebody taint a node just before the run does, and
// again just before the run is put back.
func TestOthersChangeANodeInBetween(t *testing.T) {
	cfg := shared.Config(t)
	const name = "general-00005"
	client := kubernetes.NewForConfigOrDie(cfg)
	node := func() *corev1.Node {
		t.Helper()
		n, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	intruded := func(key string) kubernetes.Interface {
		intruded := rest.CopyConfig(cfg)
		intruded.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return &meanwhile{next: next, method: http.MethodPatch, do: func() {
				if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
					n := node()
					n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectPreferNoSchedule})
					_, err := client.CoreV1().Nodes().Update(t.Context(), n, metav1.UpdateOptions{})
					return err
				}); err != nil {
					t.Error(err)
				}
			}}
		})
		return kubernetes.NewForConfigOrDie(intruded)
	}
	keys := func() string {
		var all []string
		for _, taint := range node().Spec.Taints {
			all = append(all, taint.Key)
		}
		return fmt.Sprint(all)
	}
	u, err := undo.New(intruded("example.com/first"), "run", func(journal.Change) error { return nil }, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Taint(t.Context(), corev1.Taint{Key: "example.com/ours", Effect: corev1.TaintEffectNoSchedule}, node()); err != nil {
		t.Fatal(err)
	}
	if got, want := keys(), "[example.com/first example.com/ours]"; got != want {
		t.Errorf("the node has the taints %s, want %s", got, want)
	}
	if _, err := undo.Restore(t.Context(), intruded("example.com/second"), "run", nil); err != nil {
		t.Fatal(err)
	}
	if got, want := keys(), "[example.com/first example.com/second]"; got != want {
		t.Errorf("when put back the node has the taints %s, want %s", got, want)
	}
}

func await(t *testing.T, what string, condition func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) { return condition(ctx), nil })
	if err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}
