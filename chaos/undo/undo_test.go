package undo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

var notice = corev1.Taint{Key: "example.com/notice", Effect: corev1.TaintEffectNoSchedule}

func fakeNode(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1", Labels: map[string]string{"zone": "a"}, Annotations: map[string]string{fakeNodeAnnotation: "fake"}},
		Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}},
	}
}

func realNode(name string) *corev1.Node {
	n := fakeNode(name)
	n.Annotations = nil
	return n
}

// newRun returns an Undo, and the journal that it writes.
func newRun(t testing.TB, client kubernetes.Interface, run string) (*Undo, *[]string) {
	t.Helper()
	var changes []string
	u, err := New(client, run, func(c journal.Change) error {
		changes = append(changes, c.Object+" "+c.What)
		return nil
	}, testclock.NewFakePassiveClock(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	return u, &changes
}

func get(t testing.TB, client kubernetes.Interface, name string) *corev1.Node {
	t.Helper()
	n, err := client.CoreV1().Nodes().Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n.ManagedFields = nil
	return n
}

func TestRunIDs(t *testing.T) {
	for _, id := range []string{"", "no spaces", strings.Repeat("x", 64)} {
		if _, err := New(fake.NewClientset(), id, nil, nil); err == nil {
			t.Errorf("%q is taken for an id", id)
		}
	}
}

func TestCordon(t *testing.T) {
	busy := realNode("busy")
	busy.Spec.Unschedulable = true
	client := fake.NewClientset(realNode("a"), busy)
	u, changes := newRun(t, client, "r1")
	for range 2 { // once more changes nothing
		if err := u.Cordon(t.Context(), get(t, client, "a"), get(t, client, "busy"), realNode("gone")); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"Node a cordoned"}, *changes); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	a := get(t, client, "a")
	if !a.Spec.Unschedulable || a.Labels[RunLabel] != "r1" || a.Annotations[Annotation] != `{"run":"r1","cordoned":true}` {
		t.Errorf("the node is %+v %+v", a.ObjectMeta, a.Spec)
	}
	if diff := cmp.Diff(busy, get(t, client, "busy")); diff != "" {
		t.Errorf("a node that was cordoned (-before +after):\n%s", diff)
	}
	var restored []journal.Change
	if n, err := Restore(t.Context(), client, "r1", func(c journal.Change) { restored = append(restored, c) }); n != 1 || err != nil {
		t.Errorf("%d objects were put back, error %v", n, err)
	}
	if diff := cmp.Diff([]journal.Change{{Object: "Node a", What: "uncordoned"}}, restored); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(realNode("a"), get(t, client, "a"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if !get(t, client, "busy").Spec.Unschedulable {
		t.Error("a node that was cordoned before is not any more")
	}
}

// TestANodeThatHasTheNameOfAnother leaves a machine alone that has come back as a new node.
func TestANodeThatHasTheNameOfAnother(t *testing.T) {
	drawn, back := realNode("a"), realNode("a")
	drawn.UID, back.UID = "1", "2"
	client := fake.NewClientset(back)
	u, changes := newRun(t, client, "r1")
	if err := errors.Join(u.Cordon(t.Context(), drawn), u.Taint(t.Context(), notice, drawn), u.Down(t.Context(), drawn)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(back, get(t, client, "a")); diff != "" || len(*changes) > 0 {
		t.Errorf("journal %q; the node (-before +after):\n%s", *changes, diff)
	}
}

func TestANodeOfAnotherRun(t *testing.T) {
	client := fake.NewClientset(realNode("a"), realNode("b"))
	first, _ := newRun(t, client, "r1")
	if err := first.Taint(t.Context(), notice, get(t, client, "b")); err != nil {
		t.Fatal(err)
	}
	second, changes := newRun(t, client, "r2")
	stale := realNode("b") // as a picture may show it that is a moment old
	for _, b := range []*corev1.Node{get(t, client, "b"), stale} {
		var other *RunError
		err := second.Down(t.Context(), b)
		if !errors.As(err, &other) || other.Run != "r1" || !strings.Contains(err.Error(), "Node b was changed by run r1, which is not restored yet: wait until it ends, or run `stowage-chaos restore r1`") {
			t.Errorf("got %v", err)
		}
	}
	if err := second.Cordon(t.Context(), get(t, client, "a"), get(t, client, "b")); err == nil || get(t, client, "a").Spec.Unschedulable {
		t.Errorf("error %v; another node is cordoned all the same: %t", err, get(t, client, "a").Spec.Unschedulable)
	}
	if len(*changes) > 0 {
		t.Errorf("journal %q", *changes)
	}
	if n, err := Restore(t.Context(), client, "r2", nil); n != 0 || err != nil || len(get(t, client, "b").Spec.Taints) != 1 {
		t.Errorf("to put run r2 back took %d objects of r1, error %v", n, err)
	}
	if n, err := Restore(t.Context(), client, "", nil); n != 1 || err != nil || len(get(t, client, "b").Spec.Taints) != 0 {
		t.Errorf("to put all back took %d objects, error %v", n, err)
	}
}

func TestNothingIsChangedThatIsNotInTheJournal(t *testing.T) {
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(3))}}
	client := fake.NewClientset(fakeNode("a"), deployment)
	full := errors.New("the disk is full")
	u, err := New(client, "r1", func(journal.Change) error { return full }, testclock.NewFakePassiveClock(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	_, created := u.Created("Pod shop/x")
	for what, err := range map[string]error{
		"cordon": u.Cordon(t.Context(), fakeNode("a")), "down": u.Down(t.Context(), fakeNode("a")),
		"scale": u.Scale(t.Context(), "Deployment", "shop", "web", 0), "create": created,
	} {
		if !errors.Is(err, full) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, action := range client.Actions() {
		if action.GetVerb() != "get" {
			t.Errorf("it made the request %v", action)
		}
	}
}

func TestConflictsAreTriedAgain(t *testing.T) {
	client := fake.NewClientset(realNode("a"))
	conflicts := 3
	client.PrependReactor("patch", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		if conflicts--; conflicts >= 0 {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "nodes"}, "a", errors.New("changed"))
		}
		return false, nil, nil
	})
	u, changes := newRun(t, client, "r1")
	if err := u.Cordon(t.Context(), realNode("a")); err != nil || !get(t, client, "a").Spec.Unschedulable {
		t.Errorf("error %v", err)
	}
	if len(*changes) != 1 {
		t.Errorf("journal %q", *changes)
	}
	conflicts = 3
	if n, err := Restore(t.Context(), client, "r1", nil); n != 1 || err != nil {
		t.Errorf("%d objects, error %v", n, err)
	}
}

// TestRestoreThroughAnOutage has the API server fail in the ways in which it does for a moment,
// once each, when a node is changed and when it is read again.
func TestRestoreThroughAnOutage(t *testing.T) {
	failures := []error{
		apierrors.NewServiceUnavailable("starting"), apierrors.NewTimeoutError("too late", 1), apierrors.NewInternalError(errors.New("etcdserver: leader changed")),
		apierrors.NewTooManyRequests("busy", 1), io.ErrUnexpectedEOF, io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED,
	}
	for _, change := range failures {
		for _, read := range failures {
			client := fake.NewClientset(realNode("a"))
			u, _ := newRun(t, client, "r1")
			if err := u.Cordon(t.Context(), realNode("a")); err != nil {
				t.Fatal(err)
			}
			for verb, failure := range map[string]error{"patch": change, "get": read} {
				failed := false
				client.PrependReactor(verb, "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
					if failed {
						return false, nil, nil
					}
					failed = true
					return true, nil, failure
				})
			}
			if n, err := Restore(t.Context(), client, "r1", nil); n != 1 || err != nil || get(t, client, "a").Spec.Unschedulable {
				t.Errorf("%v, then %v: %d objects are put back, error %v", change, read, n, err)
			}
		}
	}
}

func TestRestoreGoesOnAfterErrors(t *testing.T) {
	client := fake.NewClientset()
	var nodes []*corev1.Node
	for i := range 10 {
		n := realNode(fmt.Sprintf("n-%d", i))
		nodes = append(nodes, n)
		if err := client.Tracker().Add(n); err != nil {
			t.Fatal(err)
		}
	}
	u, _ := newRun(t, client, "r1")
	if err := u.Cordon(t.Context(), nodes...); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x", Labels: map[string]string{RunLabel: "r1", CreatedLabel: "true"}}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	client.PrependReactor("patch", "nodes", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return strings.HasSuffix(a.(clienttesting.PatchAction).GetName(), "9"), nil, errors.New("no luck")
	})
	client.PrependReactor("list", "statefulsets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no right")
	})
	n, err := Restore(t.Context(), client, "r1", nil)
	if n != 10 || err == nil || !strings.Contains(err.Error(), "node n-9 could not be restored: no luck") || !strings.Contains(err.Error(), "listing objects of kind StatefulSet to restore: no right") {
		t.Errorf("%d objects are put back, want 9 nodes and a pod; error %v", n, err)
	}
}

func TestUnreadableMark(t *testing.T) {
	n := realNode("a")
	n.Labels[RunLabel], n.Annotations = "r1", map[string]string{Annotation: "{"}
	client := fake.NewClientset(n)
	const want = "node a: annotation chaos.stowage.dev/undo is invalid: restore the node by hand, and remove the annotation and the label chaos.stowage.dev/run"
	if _, err := Restore(t.Context(), client, "r1", nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	u, _ := newRun(t, client, "r1")
	if err := u.Cordon(t.Context(), n); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

func TestPartsOfARun(t *testing.T) {
	for _, tt := range []struct {
		run  string
		want []string // the nodes that stay cordoned
	}{
		{run: "r1", want: []string{"c"}},
		{run: "r1.1", want: []string{"a", "c"}},
		{run: "r10.1", want: []string{"a", "b"}},
		{run: "", want: nil},
	} {
		client := fake.NewClientset(realNode("a"), realNode("b"), realNode("c"))
		for node, run := range map[string]string{"a": "r1", "b": "r1.1", "c": "r10.1"} {
			u, _ := newRun(t, client, run)
			if err := u.Cordon(t.Context(), realNode(node)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Restore(t.Context(), client, tt.run, nil); err != nil {
			t.Fatal(err)
		}
		var cordoned []string
		for _, name := range []string{"a", "b", "c"} {
			if get(t, client, name).Spec.Unschedulable {
				cordoned = append(cordoned, name)
			}
		}
		if diff := cmp.Diff(tt.want, cordoned); diff != "" {
			t.Errorf("cordoned after run %q was put back (-want +got):\n%s", tt.run, diff)
		}
	}
}

func TestMarksWithoutTheirLabel(t *testing.T) {
	client := fake.NewClientset(realNode("a"))
	u, _ := newRun(t, client, "r1")
	if err := u.Cordon(t.Context(), realNode("a")); err != nil {
		t.Fatal(err)
	}
	a := get(t, client, "a")
	delete(a.Labels, RunLabel)
	if _, err := client.CoreV1().Nodes().Update(t.Context(), a, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if n, err := Restore(t.Context(), client, "r1", nil); n != 1 || err != nil || get(t, client, "a").Spec.Unschedulable {
		t.Errorf("%d objects, error %v", n, err)
	}
}

// TestMarksOfOthers has users set what a run may set too: it stays where no run has set it.
func TestMarksOfOthers(t *testing.T) {
	down := corev1.Taint{Key: DownTaint, Value: "by hand", Effect: corev1.TaintEffectNoExecute}
	for _, tt := range []struct {
		name string
		// before is the node as the run finds it, and after what comes of it.
		before        func(*corev1.Node)
		run           func(context.Context, *Undo, *corev1.Node) error
		lose          func(*corev1.Node) // what somebody takes off meanwhile
		silent, taint bool
	}{
		{
			name: "a real node that KWOK is to leave alone", before: func(n *corev1.Node) { n.Labels[SilentLabel] = "" },
			run: func(ctx context.Context, u *Undo, n *corev1.Node) error { return u.Cordon(ctx, n) }, silent: true,
		},
		{
			name: "one that the run takes down", before: func(n *corev1.Node) { n.Labels[SilentLabel] = "" },
			run: func(ctx context.Context, u *Undo, n *corev1.Node) error { return u.Down(ctx, n) }, silent: true,
		},
		{
			name: "one whose mark is lost", before: func(n *corev1.Node) { n.Labels[SilentLabel] = "" },
			run:  func(ctx context.Context, u *Undo, n *corev1.Node) error { return u.Down(ctx, n) },
			lose: func(n *corev1.Node) { delete(n.Annotations, Annotation) }, silent: true,
		},
		{
			name: "a node that is down by hand", before: func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{down} },
			run: func(ctx context.Context, u *Undo, n *corev1.Node) error { return u.Cordon(ctx, n) }, taint: true,
		},
		{name: "a node that no run has touched", before: func(n *corev1.Node) { n.Labels[SilentLabel] = "" }, silent: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := realNode("a")
			tt.before(n)
			client := fake.NewClientset(n)
			u, _ := newRun(t, client, "r1")
			if tt.run != nil {
				if err := tt.run(t.Context(), u, n); err != nil {
					t.Fatal(err)
				}
			}
			if tt.lose != nil {
				is := get(t, client, "a")
				tt.lose(is)
				if _, err := client.CoreV1().Nodes().Update(t.Context(), is, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Restore(t.Context(), client, "", nil); err != nil {
				t.Fatal(err)
			}
			after := get(t, client, "a")
			if _, silent := after.Labels[SilentLabel]; silent != tt.silent {
				t.Errorf("the node has the label of silence: %t, want %t", silent, tt.silent)
			}
			if tainted := len(after.Spec.Taints) > 0; tainted != tt.taint {
				t.Errorf("the node has the taint: %t, want %t", tainted, tt.taint)
			}
			if left, err := Leftovers(t.Context(), client); err != nil || (len(left) > 0) != tt.taint {
				t.Errorf("leftovers %q, error %v", left, err)
			}
		})
	}
}

// TestWhatIsDeletedLeavesInTime has a pod go through its grace period, as a kubelet has it.
func TestWhatIsDeletedLeavesInTime(t *testing.T) {
	client := fake.NewClientset(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "kube-system", Name: "helper", Labels: map[string]string{RunLabel: "r1", CreatedLabel: "true"},
	}})
	deleted := 0
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	client.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		deleted++
		object, err := client.Tracker().Get(pods, "kube-system", "helper")
		if err == nil {
			object.(*corev1.Pod).DeletionTimestamp = ptr.To(metav1.Now())
			err = client.Tracker().Update(pods, object, "kube-system")
		}
		return true, object, err
	})
	for i, want := range []int{1, 0} { // which may be repeated at any time
		if n, err := Restore(t.Context(), client, "r1", nil); n != want || err != nil {
			t.Errorf("time %d: %d objects are put back, want %d; error %v", i, n, want, err)
		}
		if left, err := Leftovers(t.Context(), client); len(left) > 0 || err != nil {
			t.Errorf("time %d: leftovers %q, error %v", i, left, err)
		}
	}
	if deleted != 1 {
		t.Errorf("the pod was deleted %d times", deleted)
	}
}

func TestScale(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db"}} // one replica by default
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(3))}}
	client := fake.NewClientset(set, web)
	u, changes := newRun(t, client, "r1")
	steps := []error{
		u.Scale(t.Context(), "StatefulSet", "shop", "db", 1), // as it is
		u.Scale(t.Context(), "Deployment", "shop", "web", 5), u.Scale(t.Context(), "Deployment", "shop", "web", 0),
		u.Scale(t.Context(), "StatefulSet", "shop", "db", 2),
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Deployment shop/web scaled from 3 to 5", "Deployment shop/web scaled from 5 to 0", "StatefulSet shop/db scaled from 1 to 2"}, *changes); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	other, _ := newRun(t, client, "r2")
	if err := other.Scale(t.Context(), "Deployment", "shop", "web", 1); err == nil || !strings.Contains(err.Error(), "stowage-chaos restore r1") {
		t.Errorf("a workload of another run: %v", err)
	}
	left, err := Leftovers(t.Context(), client)
	if diff := cmp.Diff([]string{"Deployment shop/web: scaled by run r1", "StatefulSet shop/db: scaled by run r1"}, left); diff != "" || err != nil {
		t.Errorf("leftovers (-want +got), error %v:\n%s", err, diff)
	}
	// Somebody else scales the second.
	if _, err := client.AppsV1().StatefulSets("shop").Patch(t.Context(), "db", "application/merge-patch+json", []byte(`{"spec":{"replicas":7}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	var restored []string
	if _, err := Restore(t.Context(), client, "", func(c journal.Change) { restored = append(restored, c.Object+" "+c.What) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Deployment shop/web scaled back to 3", "StatefulSet shop/db left at 7 replicas, because somebody else has scaled it"}, restored); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	d, err := client.AppsV1().Deployments("shop").Get(t.Context(), "web", metav1.GetOptions{})
	d.ManagedFields = nil
	if diff := cmp.Diff(web, d); diff != "" || err != nil {
		t.Errorf("(-before +after), error %v:\n%s", err, diff)
	}
	for _, bad := range []error{
		u.Scale(t.Context(), "DaemonSet", "shop", "web", 1), u.Scale(t.Context(), "Deployment", "shop", "web", -1), u.Scale(t.Context(), "Deployment", "shop", "none", 1),
	} {
		if bad == nil {
			t.Error("it scaled what it cannot")
		}
	}
}

func TestNetworkChaosIsDeleted(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case strings.Contains(r.URL.Path, "chaos-mesh.org"):
			asked = append(asked, r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("labelSelector"))
			if r.Method == http.MethodGet {
				fmt.Fprint(w, `{"kind":"NetworkChaosList","apiVersion":"chaos-mesh.org/v1alpha1","items":[{"metadata":{"namespace":"shop","name":"x","uid":"u","labels":{"`+RunLabel+`":"r1"}}}]}`)
				return
			}
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Success"}`)
		default:
			fmt.Fprint(w, `{"items":[]}`)
		}
	}))
	defer server.Close()
	client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if n, err := Restore(t.Context(), client, "r1", nil); n != 1 || err != nil {
		t.Errorf("%d objects, error %v", n, err)
	}
	want := []string{
		"GET /apis/chaos-mesh.org/v1alpha1/networkchaos chaos.stowage.dev/run,chaos.stowage.dev/created",
		"DELETE /apis/chaos-mesh.org/v1alpha1/namespaces/shop/networkchaos/x ",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRestoreKeepsWhatOthersChange has a run and others change nodes in any order: when
// the run is put back, what is left is what others did.
func TestRestoreKeepsWhatOthersChange(t *testing.T) {
	keys := []string{"k1", "k2"}
	client := fake.NewClientset() // which takes long to make
	rapid.Check(t, func(rt *rapid.T) {
		n := realNode("a")
		if rapid.Bool().Draw(rt, "fake") {
			n = fakeNode("a")
		}
		n.Spec.Unschedulable = rapid.Bool().Draw(rt, "cordoned before")
		if rapid.Bool().Draw(rt, "silent before") {
			n.Labels[SilentLabel] = ""
		}
		_, before := n.Labels[SilentLabel]
		ctx := context.Background()
		if err := client.Tracker().Add(n); err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := client.CoreV1().Nodes().Delete(ctx, "a", metav1.DeleteOptions{}); err != nil {
				rt.Fatal(err)
			}
			client.ClearActions()
		}()
		u, _ := newRun(t, client, "r1")
		// ours and others are the taints by who has put them there; cordon is by whom.
		ours, others := map[string]bool{}, map[string]bool{}
		cordoned := map[bool]string{true: "others", false: ""}[n.Spec.Unschedulable]
		edit := func(change func(*corev1.Node)) {
			is := get(t, client, "a")
			change(is)
			if _, err := client.CoreV1().Nodes().Update(ctx, is, metav1.UpdateOptions{}); err != nil {
				rt.Fatal(err)
			}
		}
		taint := func(key string) corev1.Taint {
			return corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"cordon": func(rt *rapid.T) {
				if err := u.Cordon(ctx, n); err != nil {
					rt.Fatal(err)
				}
				if cordoned == "" {
					cordoned = "us"
				}
			},
			"taint": func(rt *rapid.T) {
				key := rapid.SampledFrom(keys).Draw(rt, "key")
				if err := u.Taint(ctx, taint(key), n); err != nil {
					rt.Fatal(err)
				}
				if !others[key] {
					ours[key] = true
				}
			},
			"down": func(rt *rapid.T) {
				if err := u.Down(ctx, n); err != nil {
					rt.Fatal(err)
				}
				_, silent := get(t, client, "a").Labels[SilentLabel]
				if silent != (Fake(n) || before) {
					rt.Errorf("the node is silent: %t", silent)
				}
			},
			"others uncordon": func(*rapid.T) {
				edit(func(n *corev1.Node) { n.Spec.Unschedulable = false })
				cordoned = ""
			},
			"others taint": func(rt *rapid.T) {
				key := rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(rt, "key")
				if ours[key] || others[key] {
					return
				}
				others[key] = true
				edit(func(n *corev1.Node) {
					t := taint(key)
					t.Value = "others"
					n.Spec.Taints = append(n.Spec.Taints, t)
				})
			},
			"others untaint": func(rt *rapid.T) {
				key := rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(rt, "key")
				delete(ours, key)
				delete(others, key)
				edit(func(n *corev1.Node) {
					n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == key })
				})
			},
		})
		if _, err := Restore(ctx, client, rapid.SampledFrom([]string{"", "r1"}).Draw(rt, "run"), nil); err != nil {
			rt.Fatal(err)
		}
		after := get(t, client, "a")
		var taints []string
		for _, t := range after.Spec.Taints {
			taints = append(taints, t.Key)
		}
		slices.Sort(taints)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(others)), taints, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("taints (-want +got):\n%s", diff)
		}
		if want := cordoned == "others"; after.Spec.Unschedulable != want {
			rt.Errorf("unschedulable %t, want %t", after.Spec.Unschedulable, want)
		}
		if diff := cmp.Diff(n.ObjectMeta, after.ObjectMeta, cmpopts.EquateEmpty()); diff != "" {
			rt.Errorf("metadata (-before +after):\n%s", diff)
		}
		if left, err := Leftovers(ctx, client); err != nil || len(left) > 0 {
			rt.Errorf("leftovers %q, error %v", left, err)
		}
	})
}

// TestAwaitsReadyNodes has one more node Ready each time that somebody looks, and one never.
func TestAwaitsReadyNodes(t *testing.T) {
	silent := func(name string) *corev1.Node {
		n := realNode(name)
		n.Status.Conditions[0].Status = corev1.ConditionUnknown
		return n
	}
	tests := []struct {
		name         string
		nodes, wants []string
		progress     int
		err          string
	}{
		{name: "all come back", nodes: []string{"a", "b", "c"}, wants: []string{"a", "b", "c"}, progress: 3},
		{name: "others do not matter", nodes: []string{"a", "b", "never"}, wants: []string{"b"}, progress: 1},
		{name: "one is gone", nodes: []string{"a"}, wants: []string{"a", "gone"}, progress: 2},
		{name: "one is taken away meanwhile", nodes: []string{"a", "taken"}, wants: []string{"a", "taken"}, progress: 2},
		{
			name: "one has the taint of a run still", nodes: []string{"a", "tainted"}, wants: []string{"a", "tainted"}, progress: 1,
			err: "stuck\n1 node not Ready again, such as tainted",
		},
		{
			name: "one does not come back", nodes: []string{"a", "never"}, wants: []string{"a", "never"}, progress: 1,
			err: "stuck\n1 node not Ready again, such as never",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, end := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("stuck"))
				defer end()
				client := fake.NewClientset()
				looks := 0
				client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
					list := &corev1.NodeList{}
					for i, name := range tt.nodes {
						node := silent(name)
						switch {
						case name == "taken":
							node.DeletionTimestamp = &metav1.Time{}
						case name == "tainted":
							node.Labels = map[string]string{RunLabel: "r1"}
							node.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
						case i < looks && name != "never":
							node = realNode(name)
						}
						list.Items = append(list.Items, *node)
					}
					looks++
					return true, list, nil
				})
				progress := 0
				err := AwaitReady(ctx, client, tt.wants, func() { progress++ })
				if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
					t.Errorf("error %v, want %q", err, tt.err)
				}
				if progress != tt.progress {
					t.Errorf("told of progress %d times, want %d", progress, tt.progress)
				}
			})
		})
	}
}

// TestRestoreSaysWhyItGaveUp has the time run out before anything was put back.
func TestRestoreSaysWhyItGaveUp(t *testing.T) {
	node := fakeNode("a")
	node.Labels[RunLabel] = "r1"
	ctx, end := context.WithCancelCause(t.Context())
	client := fake.NewClientset(node)
	client.PrependReactor("list", "nodes", func(clienttesting.Action) (bool, runtime.Object, error) {
		end(errors.New("no progress for 1m0s"))
		return false, nil, nil
	})
	_, err := Restore(ctx, client, "r1", func(journal.Change) {})
	if err == nil || !strings.Contains(err.Error(), "no progress for 1m0s") || strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("error %v", err)
	}
}
