package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"pgregory.net/rapid"
)

// patience bounds every wait: far more than anything takes on a busy machine.
const patience = 90 * time.Second

func clientOf(s *Snapshot) *fake.Clientset {
	var all []runtime.Object
	for o := range s.objects() {
		all = append(all, o.DeepCopyObject())
	}
	return fake.NewClientset(all...)
}

func follow(t *testing.T, client *fake.Clientset, opts FollowOptions) *Follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	f := must[*Follower](t)(Follow(ctx, client, opts))
	t.Cleanup(f.Stop)
	return f
}

// eventually waits for changes until the picture is as it should be.
func eventually(t *testing.T, f *Follower, what string, condition func(*Snapshot) bool) {
	t.Helper()
	late := time.After(patience)
	for !condition(f.Snapshot()) {
		select {
		case <-f.Changed():
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestFollowerHasWhatADumpHas(t *testing.T) {
	s := rapid.Custom(drawCluster).Example(11)
	read := map[string]int{}
	f := follow(t, clientOf(s), FollowOptions{Progress: func(resource string, objects int) { read[resource] = objects }})
	want, got := trimmedAll(s), f.Snapshot()
	if want.Taken = got.Taken; time.Since(got.Taken) > time.Minute {
		t.Errorf("the picture is of %s", got.Taken)
	}
	if diff := cmp.Diff(want, got, sameObjects); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if read["pods"] != len(s.Pods) || read["replicasets.apps"] != len(s.ReplicaSets) || len(read) != len(kinds) {
		t.Errorf("progress told %v", read)
	}
	if len(f.Missing()) != 0 {
		t.Errorf("missing: %v", f.Missing())
	}
	select {
	case <-f.Changed():
		t.Error("something has changed, with nobody there to change it")
	default:
	}
}

func TestFollowerFollows(t *testing.T) {
	client := clientOf(&Snapshot{Nodes: []*corev1.Node{testNode("a", list(1, 1, 0))}, Pods: []*corev1.Pod{podOf("m")}})
	f := follow(t, client, FollowOptions{})
	before := f.Snapshot()
	for _, name := range []string{"z", "b"} {
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), podOf(name), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	names := func(s *Snapshot) string {
		all := ""
		for _, pod := range s.Pods {
			all += pod.Name + string(pod.Status.Phase)
		}
		return all
	}
	eventually(t, f, "pods are added", func(s *Snapshot) bool { return names(s) == "bmz" })
	changed := podOf("z")
	changed.Status.Phase = "Running"
	if _, err := client.CoreV1().Pods("default").UpdateStatus(t.Context(), changed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, f, "a pod is changed", func(s *Snapshot) bool { return names(s) == "bmzRunning" })
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "m", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, f, "a pod is deleted", func(s *Snapshot) bool { return names(s) == "bzRunning" })
	if got := names(before); got != "m" {
		t.Errorf("a picture taken before has become %s", got)
	}
	taken := f.Snapshot()
	taken.Pods[0] = nil
	if f.Snapshot().Pods[0] == nil {
		t.Error("two pictures share their list of pods")
	}
}

// refuse makes lists of a resource fail, as often as that.
func refuse(client *fake.Clientset, resource string, times int32, err error) {
	var asked atomic.Int32
	client.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		return asked.Add(1) <= times, nil, err
	})
}

func forbidden(group, resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Group: group, Resource: resource}, "", errors.New("you may not"))
}

// TestFollowerTellsOfEachChange is about Observe: namespaces, pods and budgets, as they were and are.
func TestFollowerTellsOfEachChange(t *testing.T) {
	client := clientOf(&Snapshot{Nodes: []*corev1.Node{testNode("a", list(1, 1, 0))}, Pods: []*corev1.Pod{podOf("m")}})
	told := make(chan string, 100)
	describe := func(o runtime.Object) string {
		switch o := o.(type) {
		case *corev1.Pod:
			return o.Name + string(o.Status.Phase)
		case *policyv1.PodDisruptionBudget:
			return "budget " + o.Name
		case *corev1.Namespace:
			return "namespace " + o.Name
		}
		return fmt.Sprintf("%T", o)
	}
	follow(t, client, FollowOptions{Observe: func(was, is runtime.Object) { told <- describe(was) + " -> " + describe(is) }})
	changed := podOf("m")
	changed.Status.Phase = "Running"
	must[*corev1.Pod](t)(client.CoreV1().Pods("default").UpdateStatus(t.Context(), changed, metav1.UpdateOptions{}))
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "default"}}
	next := func() string {
		select {
		case what := <-told:
			return what
		case <-time.After(patience):
			t.Fatal("nothing was told")
			return ""
		}
	}
	got := []string{next(), next()}
	must[*policyv1.PodDisruptionBudget](t)(client.PolicyV1().PodDisruptionBudgets("default").Create(t.Context(), budget, metav1.CreateOptions{}))
	got = append(got, next())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	must[*corev1.Namespace](t)(client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}))
	got = append(got, next())
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "m", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	got = append(got, next())
	want := []string{"<nil> -> m", "m -> mRunning", "<nil> -> budget b", "<nil> -> namespace n", "mRunning -> <nil>"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestFollowWithoutRights(t *testing.T) {
	for _, k := range kinds {
		for what, err := range map[string]error{
			"forbidden": forbidden(k.Group, k.resource),
			"absent":    apierrors.NewNotFound(schema.GroupResource{Group: k.Group, Resource: k.resource}, ""),
		} {
			t.Run(fmt.Sprint(k, " ", what), func(t *testing.T) {
				client := clientOf(&Snapshot{Nodes: []*corev1.Node{testNode("a", list(1, 1, 0))}})
				refuse(client, k.resource, 1<<30, err)
				f, got := Follow(t.Context(), client, FollowOptions{Patience: patience})
				if k.essential {
					if got == nil || !errors.Is(got, err) || !strings.Contains(got.Error(), "watching "+k.String()+" requires the API "+k.GroupVersion().String()+", and permission to list and watch them") {
						t.Errorf("error %v", got)
					}
					return
				}
				if got != nil {
					t.Fatal(got)
				}
				defer f.Stop()
				missing := []string{k.String()}
				if k.later && what == "absent" {
					missing = nil
				}
				if diff := cmp.Diff(missing, f.Missing()); diff != "" {
					t.Errorf("missing (-want +got):\n%s", diff)
				}
				if s := f.Snapshot(); len(s.Nodes) != 1 {
					t.Errorf("%d nodes", len(s.Nodes))
				}
			})
		}
	}
}

func TestFollowDoesNotWaitForEver(t *testing.T) {
	down, enough := errors.New("connection refused"), errors.New("enough")
	client := clientOf(&Snapshot{})
	last := kinds[len(kinds)-1]
	asked := make(chan struct{}, 100)
	client.PrependReactor("list", last.resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		asked <- struct{}{}
		return true, nil, down
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Follow(ctx, client, FollowOptions{Progress: func(resource string, _ int) {
		if resource == kinds[len(kinds)-2].String() { // all others have been read
			<-asked
			<-asked // once more, so the first answer has been taken note of
			cancel(enough)
		}
	}})
	want := fmt.Sprintf("reading %s: enough; last error: %s: ", last, last)
	if !errors.Is(err, down) || !errors.Is(err, enough) || !strings.HasPrefix(fmt.Sprint(err), want) {
		t.Errorf("error %v, want one that begins with %s", err, want)
	}
	if _, err := Follow(t.Context(), client, FollowOptions{Patience: time.Millisecond}); err == nil || !strings.Contains(err.Error(), "not done after 1ms") {
		t.Errorf("error %v, want that its time is up", err)
	}
}

// TestFollowTellsWhatItWaitsFor has an API server that does not answer for a kind for some time.
func TestFollowTellsWhatItWaitsFor(t *testing.T) {
	// One of them waits for a moment after the last error, which was by the real clock.
	defer func(handlers []utilruntime.ErrorHandler) { utilruntime.ErrorHandlers = handlers }(utilruntime.ErrorHandlers)
	utilruntime.ErrorHandlers = nil
	synctest.Test(t, func(t *testing.T) {
		begin, client, last := time.Now(), clientOf(&Snapshot{}), kinds[len(kinds)-1]
		client.PrependReactor("list", last.resource, func(clienttesting.Action) (bool, runtime.Object, error) {
			if time.Since(begin) < 100*time.Second {
				return true, nil, errors.New("overloaded")
			}
			return false, nil, nil
		})
		var told []string
		f, err := Follow(t.Context(), client, FollowOptions{Waiting: func(problem error) { told = append(told, fmt.Sprint(problem)) }})
		if err != nil {
			t.Fatal(err)
		}
		f.Stop()
		var want []string
		for _, waited := range []string{"30s", "1m0s"} {
			want = append(want, fmt.Sprintf("reading %s: not done after %s; last error: %s: failed to list %s: overloaded", last, waited, last, "*v1."+last.Kind))
		}
		// How long it is told depends on when the informer tries again.
		if len(told) < 3 || told[len(told)-1] != "<nil>" {
			t.Fatalf("told %q", told)
		}
		if diff := cmp.Diff(want, told[:2]); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestFollowOutlivesAnAPIServerThatComesLate(t *testing.T) {
	client := clientOf(&Snapshot{Pods: []*corev1.Pod{podOf("a")}})
	refuse(client, "pods", 1, apierrors.NewServiceUnavailable("starting"))
	if got := len(follow(t, client, FollowOptions{}).Snapshot().Pods); got != 1 {
		t.Errorf("%d pods", got)
	}
}

func TestFollowerOutlivesACutWatch(t *testing.T) {
	client := clientOf(&Snapshot{Pods: []*corev1.Pod{podOf("a")}})
	watches := make(chan *watch.FakeWatcher, 10)
	client.PrependWatchReactor("pods", func(clienttesting.Action) (bool, watch.Interface, error) {
		w := watch.NewFake()
		watches <- w
		return true, w, nil
	})
	f := follow(t, client, FollowOptions{})
	// While the watch is cut, a right is gone too: that passes as well.
	refuse(client, "pods", 1, forbidden("", "pods"))
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), podOf("b"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	gone := apierrors.NewResourceExpired("too old").Status()
	(<-watches).Error(&gone)
	eventually(t, f, "the pods are listed again", func(s *Snapshot) bool { return len(s.Pods) == 2 })
}
