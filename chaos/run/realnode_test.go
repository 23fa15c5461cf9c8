package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

var podResource = corev1.SchemeGroupVersion.WithResource("pods")

// kubelet is a cluster of a real node, on which pods run as a kubelet has them: they are
// ready at once, and take a second to end.
type kubelet struct {
	*fake.Clientset
	// created is told of each pod that is created, and may change its status.
	created func(*corev1.Pod)
}

func newKubelet(pods ...*corev1.Pod) *kubelet {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "real"}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}}
	objects := []runtime.Object{node, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}}
	for _, pod := range pods {
		objects = append(objects, pod)
	}
	k := &kubelet{Clientset: fake.NewClientset(objects...), created: func(*corev1.Pod) {}}
	k.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		pod := action.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		clustertest.Run(pod, time.Now())
		k.created(pod)
		return false, nil, nil
	})
	k.PrependReactor("delete", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, k.end(action.GetNamespace(), action.(clienttesting.DeleteAction).GetName())
	})
	return k
}

// onRealNode returns a pod that runs on the node, and that a controller of the kind has made.
func onRealNode(namespace, name, kind string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, UID: "uid-of-pod",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: kind, Name: "owner", UID: "owner", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "real", Containers: []corev1.Container{{Name: "main", Image: "registry.example/main:1"}}},
	}
	clustertest.Run(pod, time.Now())
	return pod
}

// alter changes a pod, unless it is gone.
func (k *kubelet) alter(namespace, name string, change func(*corev1.Pod)) error {
	object, err := k.Tracker().Get(podResource, namespace, name)
	if err != nil {
		return err
	}
	pod := object.(*corev1.Pod).DeepCopy()
	change(pod)
	return k.Tracker().Update(podResource, pod, namespace)
}

// end tells a pod to end.
func (k *kubelet) end(namespace, name string) error {
	err := k.alter(namespace, name, func(pod *corev1.Pod) { pod.DeletionTimestamp = ptr.To(metav1.Now()) })
	time.AfterFunc(time.Second, func() { _ = k.Tracker().Delete(podResource, namespace, name) })
	return err
}

// latencyScenario delays a pod of the shop for 12 s.
func latencyScenario(t *testing.T) *scenario.Scenario {
	t.Helper()
	arguments := json.RawMessage(`{"namespaces": "shop", "via": "helper", "duration": "12s"}`)
	all := intstr.FromString("100%")
	s, err := scenario.Of("latency", arguments, scenario.Frame{Objectives: scenario.Objectives{MinAvailability: &all}}, faults.All(preemptible.Known()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// outcome is what came of a run.
type outcome struct {
	journal.End
	*report.Report
	err error
}

// runOn runs a scenario on the cluster.
func runOn(t *testing.T, k *kubelet, s *scenario.Scenario, do func(context.Context, *Session) error) outcome {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	live, err := Open(ctx, k, "staging", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	memory := journal.NewMemory()
	end, err := Run(ctx, live, Options{
		ID: "r1", Scenario: s, Memory: memory, RecoveryPatience: time.Minute, Arguments: []string{"latency", "--context", "staging"},
	}, do)
	stop()
	synctest.Wait()
	return outcome{end, report.From(memory.Run()), err}
}

// TestLatencyByAHelper has something become of the helper while it delays a pod.
func TestLatencyByAHelper(t *testing.T) {
	type helper struct {
		*kubelet
		namespace, name string
		pod             *corev1.Pod
	}
	after := func(d time.Duration, do func(helper) error) func(helper) {
		return func(h helper) { time.AfterFunc(d, func() { _ = do(h) }) }
	}
	fail := func(h helper) error {
		return h.alter(h.namespace, h.name, func(pod *corev1.Pod) { clustertest.End(pod, time.Now(), 137) })
	}
	done := func(h helper) error {
		return h.alter(h.namespace, h.name, func(pod *corev1.Pod) { clustertest.End(pod, time.Now(), 0) })
	}
	remove := func(h helper) error { return h.end(h.namespace, h.name) }
	// unseen is a helper that somebody deletes before its probe has passed, and that ends at once.
	unseen := func(h helper) {
		h.pod.Status.Conditions = nil
		after(time.Millisecond, func(h helper) error { return errors.Join(remove(h), fail(h)) })(h)
	}
	const (
		why  = "helper pod kube-system/stowage-latency-web-0-uid-of-p no longer delays the pod: "
		over = "it ended after 4s of 12s: " + why
	)
	for _, tt := range []struct {
		name string
		do   func(helper)
		want journal.End
	}{
		{name: "nothing", do: func(helper) {}, want: journal.End{Verdict: journal.Held}},
		{name: "it does its time", do: after(11500*time.Millisecond, done), want: journal.End{Verdict: journal.Held}},
		{name: "it is deleted", do: after(3500*time.Millisecond, remove), want: journal.End{Verdict: journal.Inconclusive, Reasons: []string{over + "it was deleted"}}},
		{name: "it is deleted before its delay was seen", do: unseen, want: journal.End{
			Verdict: journal.Inconclusive, Reasons: []string{"it ended after 1s of 12s: " + why + "it is gone"},
		}},
		{name: "it is killed", do: after(3500*time.Millisecond, fail), want: journal.End{Verdict: journal.Inconclusive, Reasons: []string{over + "it exited with code 137: Error"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKubelet(onRealNode("shop", "web-0", "StatefulSet"))
				k.created = func(pod *corev1.Pod) { tt.do(helper{k, pod.Namespace, pod.Name, pod}) }
				got := runOn(t, k, latencyScenario(t), Steps)
				if got.err != nil {
					t.Error(got.err)
				}
				if diff := cmp.Diff(tt.want, got.End); diff != "" {
					t.Errorf("end (-want +got):\n%s", diff)
				}
				if len(got.Workloads) > 0 || got.Totals.Others > 0 {
					t.Errorf("it lost %d others, and has workloads %+v: the helper is none", got.Totals.Others, got.Workloads)
				}
				time.Sleep(2 * time.Second) // the grace period
				if list, err := k.CoreV1().Pods("kube-system").List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) > 0 {
					t.Errorf("error %v; %d helpers are left", err, len(list.Items))
				}
			})
		})
	}
}

// TestLatencyThatIsRefused has the API server refuse the helper: nothing was created, and
// nothing is to be put back.
func TestLatencyThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(onRealNode("shop", "web-0", "StatefulSet"))
		k.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, apierrors.NewForbidden(podResource.GroupResource(), "helper", errors.New(`violates PodSecurity "restricted:latest"`))
		})
		got := runOn(t, k, latencyScenario(t), Steps)
		const want = `violates PodSecurity "restricted:latest" (this requires permission to create pods in namespace kube-system, which must allow privileged pods; to use another namespace, set helperNamespace)`
		if got.err == nil || !strings.Contains(got.err.Error(), want) || got.End.Verdict != journal.Failed {
			t.Errorf("verdict %s, error %v, want one that says %s", got.End.Verdict, got.err, want)
		}
		if left := got.Report.NotRestored; len(left) > 0 || got.End.NotRestored {
			t.Errorf("may not be restored: %v", left)
		}
	})
}

// TestLatencyThatIsNotPutBack has the API server give no answer when the helper is to go.
func TestLatencyThatIsNotPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKubelet(onRealNode("shop", "web-0", "StatefulSet"))
		k.PrependReactor("delete", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no answer") })
		got := runOn(t, k, latencyScenario(t), Steps)
		if got.err == nil || got.End.Verdict != journal.Failed {
			t.Errorf("verdict %s, error %v", got.End.Verdict, got.err)
		}
		var text strings.Builder
		if err := got.Write(&text, report.Table); err != nil {
			t.Fatal(err)
		}
		const want = "may not be restored: Pod kube-system/stowage-latency-web-0-uid-of-p, created; run `stowage-chaos restore r1 --context staging`"
		if !strings.Contains(text.String(), want) {
			t.Errorf("it does not say %q: %s", want, &text)
		}
	})
}

// TestTheProgramsOwnPodIsNoLoss has the Job that the program runs in be deleted.
func TestTheProgramsOwnPodIsNoLoss(t *testing.T) {
	t.Setenv("POD_NAMESPACE", "stowage-system")
	t.Setenv("POD_NAME", "stowage-chaos-x")
	synctest.Test(t, func(t *testing.T) {
		own := onRealNode("stowage-system", "stowage-chaos-x", "Job")
		k := newKubelet(own)
		_ = k.Tracker().Add(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "stowage-system", Name: "owner", UID: "owner"}})
		got := runOn(t, k, &scenario.Scenario{}, func(ctx context.Context, s *Session) error {
			if own := s.Picture().Own; own == nil {
				return errors.New("it does not know its own pod")
			}
			if err := k.end(own.Namespace, own.Name); err != nil {
				return err
			}
			time.Sleep(2 * time.Second)
			return context.Canceled // as it is told to end
		})
		if want := fmt.Sprint(journal.End{Verdict: journal.Inconclusive, Reasons: []string{"the run was interrupted"}}); fmt.Sprint(got.End) != want {
			t.Errorf("end %v, want %s", got.End, want)
		}
		if len(got.Workloads) > 0 || got.Totals.Others > 0 {
			t.Errorf("it lost %d others, and has workloads %+v", got.Totals.Others, got.Workloads)
		}
	})
}

// TestANamespaceThatIsDeleted has somebody delete a namespace while a run goes on elsewhere:
// its pods take their time to go, and are not missed.
func TestANamespaceThatIsDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := onRealNode("old", "old-0", "StatefulSet")
		old.UID, old.OwnerReferences[0].UID = "uid-of-old", "owner-of-old"
		k := newKubelet(onRealNode("shop", "web-0", "StatefulSet"), old)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "old"}}
		namespaces := corev1.SchemeGroupVersion.WithResource("namespaces")
		if err := k.Tracker().Add(namespace); err != nil {
			t.Fatal(err)
		}
		k.created = func(*corev1.Pod) {
			time.AfterFunc(time.Second, func() {
				deleted := namespace.DeepCopy()
				deleted.DeletionTimestamp = ptr.To(metav1.Now())
				_ = k.Tracker().Update(namespaces, deleted, "")
				_ = k.end("old", "old-0")
				time.AfterFunc(2*time.Second, func() { _ = k.Tracker().Delete(namespaces, "", "old") })
			})
		}
		got := runOn(t, k, latencyScenario(t), Steps)
		if want := (journal.End{Verdict: journal.Held}); got.err != nil || !cmp.Equal(want, got.End) {
			t.Errorf("end %+v, error %v, want %+v", got.End, got.err, want)
		}
		if n := got.Totals; n.Others != 1 || n.Unneeded != 1 {
			t.Errorf("lost %+v, want one that nothing is to replace", n)
		}
	})
}
