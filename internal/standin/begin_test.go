package standin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// fakeShop returns a mover on a fake client with the objects of shop, and the pod to move.
func fakeShop() (*Mover, *fake.Clientset, *corev1.Pod) {
	s, pod := shop()
	deployment, set := s.Deployments[0], s.ReplicaSets[0]
	deployment.Spec.Template = *set.Spec.Template.DeepCopy()
	delete(deployment.Spec.Template.Labels, tie)
	client := fake.NewClientset(deployment, set, pod)
	client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if created, is := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod); is {
			created.UID = types.UID(created.Name) // the API server does that
		}
		return false, nil, nil
	})
	clock := testingclock.NewFakeClock(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	return New(Options{Client: client, Clock: clock, Run: "run", Patience: time.Minute}), client, pod
}

// TestACreationWithoutAnAnswer has the API server carry out a request, or not, and not tell so.
func TestACreationWithoutAnAnswer(t *testing.T) {
	timeout := apierrors.NewTimeoutError("etcd does not answer", 1)
	for _, tt := range []struct {
		name string
		// err is the answer, and done says whether the stand-in was created.
		err  error
		done bool
		// before says who has created a stand-in before.
		before string
		want   error
	}{
		{name: "the connection is lost, and there is one", err: io.ErrUnexpectedEOF, done: true},
		{name: "etcd has answered too late", err: timeout, done: true},
		{name: "the connection is lost, and there is none", err: io.ErrUnexpectedEOF, want: io.ErrUnexpectedEOF},
		{name: "it was there before, by the same run", before: "run"},
		{name: "another program has created it", before: "another", want: apierrors.NewAlreadyExists(corev1.Resource("pods"), "web")},
		{name: "it is refused", err: apierrors.NewForbidden(corev1.Resource("pods"), "web", errors.New("quota")), want: apierrors.NewForbidden(corev1.Resource("pods"), "web", nil)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, client, pod := fakeShop()
			if tt.before != "" {
				other := New(m.Options)
				other.Run = tt.before
				if _, err := other.Begin(t.Context(), pod, "b"); err != nil {
					t.Fatal(err)
				}
			}
			client.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
				if tt.done {
					if err := client.Tracker().Add(a.(clienttesting.CreateAction).GetObject()); err != nil {
						t.Error(err)
					}
				}
				return tt.err != nil, nil, tt.err
			})
			mv, err := m.Begin(t.Context(), pod, "b")
			switch {
			case tt.want == nil && err != nil:
				t.Fatal(err)
			case tt.want != nil && (!errors.Is(err, tt.want) && apierrors.ReasonForError(err) != apierrors.ReasonForError(tt.want)):
				t.Errorf("the error is %v, want %v", err, tt.want)
			case tt.want == nil && (mv.StandIn != mv.name() || mv.Run != "run" || mv.UID != pod.UID):
				t.Errorf("the move is %+v", mv)
			case tt.want == nil:
				if _, err := client.CoreV1().Pods(pod.Namespace).Get(context.Background(), mv.StandIn, metav1.GetOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestARequestIsNotCutOff ends the run while the API server works on a request.
func TestARequestIsNotCutOff(t *testing.T) {
	m, _, pod := fakeShop()
	ctx, cancel := context.WithCancelCause(t.Context())
	held := make(chan struct{})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		close(held)
		select {
		case <-r.Context().Done():
			t.Error("the request was cut off")
		case <-time.After(100 * time.Millisecond): // long enough for an end to arrive
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	}))
	defer api.Close()
	real, err := kubernetes.NewForConfig(&rest.Config{Host: api.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}})
	if err != nil {
		t.Fatal(err)
	}
	m.Client = creating{m.Client, real}
	go func() {
		<-held
		cancel(errors.New("terminated"))
	}()
	mv, err := m.Begin(ctx, pod, "b")
	if err != nil || mv.StandIn == "" {
		t.Errorf("the stand-in is not known: %+v, %v", mv, err)
	}
	// No other request begins then.
	if _, err := m.Begin(ctx, pod, "b"); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("the error after the end is %v", err)
	}
}

// creating is a client whose pods are those of another one.
type creating struct {
	kubernetes.Interface
	pods kubernetes.Interface
}

func (c creating) CoreV1() typedcorev1.CoreV1Interface { return c.pods.CoreV1() }

// TestRestoreLeavesNoHalfMove cannot end a move that is handed over.
func TestRestoreLeavesNoHalfMove(t *testing.T) {
	m, client, pod := fakeShop()
	pods := corev1.SchemeGroupVersion.WithResource("pods")
	mv, err := m.Begin(t.Context(), pod, "b")
	if err != nil {
		t.Fatal(err)
	}
	standIn, err := client.CoreV1().Pods(pod.Namespace).Get(t.Context(), mv.StandIn, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	standIn.Labels[tie] = "h1"
	old := pod.DeepCopy()
	old.Labels = map[string]string{"app": "web", tie: "h1", cluster.StandInLabel: cluster.OfReplaced}
	old.Annotations = map[string]string{corev1.PodDeletionCost: lowestCost, cluster.DeletionCostWasAnnotation: ""}
	for _, changed := range []*corev1.Pod{standIn, old} {
		if err := client.Tracker().Update(pods, changed, changed.Namespace); err != nil {
			t.Fatal(err)
		}
	}
	client.PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("replicasets"), "web-h1", errors.New("no right"))
	})
	restored, err := m.Restore(t.Context(), pod.Namespace)
	if err == nil || !strings.Contains(err.Error(), "no right") || len(restored) > 0 {
		t.Errorf("restored %+v, %v", restored, err)
	}
	now, err := client.CoreV1().Pods(pod.Namespace).Get(t.Context(), pod.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !cluster.BeingReplaced(now) || now.Annotations[corev1.PodDeletionCost] != lowestCost {
		t.Errorf("the old pod is not marked any more, so that another one may be deleted: %v %v", now.Labels, now.Annotations)
	}
}

// TestLooksAfterTheEnd has a move whose time is over, and whose end waits for something.
func TestLooksAfterTheEnd(t *testing.T) {
	m, client, pod := fakeShop()
	clock := m.Clock.(*testingclock.FakeClock)
	mv, err := m.Begin(t.Context(), pod, "b")
	if err != nil {
		t.Fatal(err)
	}
	clock.SetTime(mv.Until.Add(time.Second))
	if !m.Due(mv, pod, pod) {
		t.Error("it is not looked at when its time is over")
	}
	client.PrependReactor("get", "replicasets", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewInternalError(errors.New("out of order"))
	})
	if _, err := m.Step(t.Context(), mv); err == nil {
		t.Fatal("the step has not failed")
	}
	if m.Due(mv, pod, pod) {
		t.Error("it is looked at again at once")
	}
	clock.Step(settles)
	if !m.Due(mv, pod, pod) {
		t.Error("it is not looked at again")
	}
}

// TestAStepGoesByThePicture counts who reads pods: nobody after a picture in which something is to be
// done, unless the last picture was older than the pods.
func TestAStepGoesByThePicture(t *testing.T) {
	m, client, old := fakeShop()
	mv, err := m.Begin(t.Context(), old, "b")
	if err != nil {
		t.Fatal(err)
	}
	standIn, err := client.CoreV1().Pods(old.Namespace).Get(t.Context(), mv.StandIn, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	standIn.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	conflict := apierrors.NewConflict(corev1.Resource("pods"), old.Name, errors.New("it has changed"))
	var patch error
	client.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return patch != nil, nil, patch
	})
	for _, tt := range []struct {
		name  string
		patch error
		reads int
	}{
		{"a picture that is too old", conflict, 0},
		{"a look at the pods", conflict, 2},
		{"another one, in which they can be changed", nil, 2},
	} {
		if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), standIn, standIn.Namespace); err != nil {
			t.Fatal(err)
		}
		patch = tt.patch
		if !m.Due(mv, standIn, old) {
			t.Fatalf("%s: nothing is due", tt.name)
		}
		client.ClearActions()
		if result, err := m.Step(t.Context(), mv); err != nil || result.Outcome != UnderWay {
			t.Errorf("%s: %+v, %v", tt.name, result, err)
		}
		reads := 0
		for _, a := range client.Actions() {
			if a.Matches("get", "pods") {
				reads++
			}
		}
		if reads != tt.reads {
			t.Errorf("%s: pods were read %d times, want %d", tt.name, reads, tt.reads)
		}
	}
	// The stand-in is handed over by the picture that follows, and so is the end.
	adopted := standIn.DeepCopy()
	adopted.Labels[tie] = "h1"
	adopted.OwnerReferences[0].Controller = ptr.To(true)
	if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("pods"), adopted, adopted.Namespace); err != nil {
		t.Fatal(err)
	}
	if !m.Due(mv, adopted, nil) {
		t.Fatal("the end is not due")
	}
	client.ClearActions()
	if result, err := m.Step(t.Context(), mv); err != nil || result.Outcome != Moved {
		t.Errorf("the end: %+v, %v", result, err)
	}
	for _, a := range client.Actions() {
		if a.GetVerb() != "patch" {
			t.Errorf("at the end %s %s was asked for", a.GetVerb(), a.GetResource().Resource)
		}
	}
}
