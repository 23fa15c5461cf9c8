package sharednodes

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/testutil"
	clocktesting "k8s.io/utils/clock/testing"
)

// TestShortage has what kubelets say.
func TestShortage(t *testing.T) {
	tests := []struct{ reason, message, want string }{
		{"OutOfcpu", "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 7800, capacity: 8000", "OutOfcpu"},
		{"OutOfmemory", "", "OutOfmemory"},
		{"OutOfephemeral-storage", "", "OutOfephemeral-storage"},
		{"OutOfpods", "", "OutOfpods"},
		{"OutOfnvidia.com/gpu", "", "OutOfExtendedResources"},
		{"OutOfhugepages-2Mi", "", "OutOfExtendedResources"},
		{"UnexpectedAdmissionError", "Pod was rejected: Allocate failed due to requested number of devices unavailable for nvidia.com/gpu. Requested: 1, Available: 0, which is unexpected", "UnexpectedAdmissionError"},
		{"UnexpectedAdmissionError", "Pod was rejected: Allocate failed due to not enough cpus available to satisfy request: requested=4, available=2, which is unexpected", "UnexpectedAdmissionError"},
		{"UnexpectedAdmissionError", "Pod was rejected: Update plugin resources failed due to no containers return in allocation response, which is unexpected.", ""},
		{"VolumeAttachmentLimitExceeded", "", "VolumeAttachmentLimitExceeded"},
		{"NodeAffinity", "", ""},
		{"TopologyAffinityError", "", ""},
		{"NodeShutdown", "", ""},
		{"Evicted", "", ""},
		{"DeadlineExceeded", "", ""},
		{"", "", ""},
	}
	for _, tt := range tests {
		if got := shortage(&corev1.PodStatus{Phase: corev1.PodFailed, Reason: tt.reason, Message: tt.message}); got != tt.want {
			t.Errorf("%s, %q: counted as %q, want %q", tt.reason, tt.message, got, tt.want)
		}
	}
}

// refusing returns refusals that tell a recorder, with a clock, and a server that has these
// pods.
func refusing(t *testing.T, pods ...*corev1.Pod) (*refusals, *events.FakeRecorder, *clocktesting.FakeClock) {
	t.Helper()
	registerMetrics()
	recorder, clock := events.NewFakeRecorder(10), clocktesting.NewFakeClock(time.Unix(1000, 0))
	client := fake.NewClientset()
	for _, p := range pods {
		if _, err := client.CoreV1().Pods(p.Namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	r := newRefusals(t.Context(), handle{client: client, recorder: recorder})
	r.clock = clock
	return r, recorder, clock
}

// refusedPod returns a pod that its node has refused.
func refusedPod(name string) *corev1.Pod {
	p := pod(name, "stowage", amounts("cpu", "1"))
	p.Spec.NodeName = "node-1"
	p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu"}
	return p
}

func ofSet(p *corev1.Pod) *corev1.Pod {
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "uid of web", Controller: new(true)}}
	return p
}

func counted(t *testing.T) float64 {
	t.Helper()
	n, err := testutil.GetCounterMetricValue(refused.WithLabelValues("OutOfcpu"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

const note = "Warning RefusedByNode Node node-1 rejected pod web-1 for lack of room (OutOfcpu) after it was bound: the room was taken before the scheduler saw it, " +
	"for example by another scheduler for the same nodes. If this happens often, give each scheduler its own nodes with a taint or a label"

func TestRefused(t *testing.T) {
	tests := []struct {
		name   string
		happen func(r *refusals, clock *clocktesting.FakeClock)
		want   []string
	}{
		{"a pod that was bound here", func(r *refusals, _ *clocktesting.FakeClock) {
			r.bound(refusedPod("web-1"))
			r.see(refusedPod("web-1"))
		}, []string{note}},
		{"once, though it is seen again", func(r *refusals, _ *clocktesting.FakeClock) {
			r.bound(refusedPod("web-1"))
			r.see(refusedPod("web-1"))
			r.see(refusedPod("web-1"))
		}, []string{note}},
		{"not one that another has bound", func(r *refusals, _ *clocktesting.FakeClock) { r.see(refusedPod("web-1")) }, nil},
		{"not one that failed for another reason", func(r *refusals, _ *clocktesting.FakeClock) {
			p := refusedPod("web-1")
			p.Status.Reason = "NodeAffinity"
			r.bound(p)
			r.see(p)
		}, nil},
		{"one that was bound a while ago", func(r *refusals, clock *clocktesting.FakeClock) {
			r.bound(refusedPod("web-1"))
			clock.Step(remembered)
			r.bound(refusedPod("web-2"))
			r.see(refusedPod("web-1"))
		}, []string{note}},
		{"not one that was bound long ago", func(r *refusals, clock *clocktesting.FakeClock) {
			r.bound(refusedPod("web-1"))
			for range 2 {
				clock.Step(remembered)
				r.bound(refusedPod("web-2"))
			}
			r.see(refusedPod("web-1"))
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, recorder, clock := refusing(t)
			r.run = func() {}
			before := counted(t)
			tt.happen(r, clock)
			if diff := cmp.Diff(tt.want, drain(recorder)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if got := counted(t) - before; int(got) != len(tt.want) {
				t.Errorf("counted %v, want %d", got, len(tt.want))
			}
		})
	}
}

// TestRefusedBeforeItIsKnown has the refusal be seen before the scheduler knows that it has
// bound the pod.
func TestRefusedBeforeItIsKnown(t *testing.T) {
	first, second := refusedPod("web-0"), refusedPod("web-1")
	r, recorder, _ := refusing(t, first, second)
	r.bound(pod("before", "stowage", nil)) // the first: from here on pods that have failed are followed
	if !toolscache.WaitForCacheSync(t.Context().Done(), r.failed.HasSynced) {
		t.Fatal("not synced")
	}
	r.bound(second)
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) { return len(recorder.Events) > 0, nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{note}, drain(recorder)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestRegarding covers whom the event is about.
func TestRegarding(t *testing.T) {
	alone := refusedPod("alone")
	for _, tt := range []struct {
		pod  *corev1.Pod
		want *corev1.ObjectReference
	}{
		{alone, &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "ns", Name: "alone", UID: "uid of alone"}},
		{ofSet(refusedPod("web-1")), &corev1.ObjectReference{APIVersion: "apps/v1", Kind: "ReplicaSet", Namespace: "ns", Name: "web", UID: "uid of web"}},
	} {
		if diff := cmp.Diff(tt.want, regarding(tt.pod)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.pod.Name, diff)
		}
	}
}

// TestRemembersFew covers that pods are forgotten.
func TestRemembersFew(t *testing.T) {
	r, _, clock := refusing(t)
	r.run = func() {}
	for i := range 10 {
		p := refusedPod("web")
		p.UID = types.UID(rune('a' + i))
		r.bound(p)
		clock.Step(remembered)
	}
	if all := r.now.Union(r.before); !all.Equal(sets.New[types.UID]("i", "j")) {
		t.Errorf("remembered: %v", sets.List(all))
	}
}

func drain(recorder *events.FakeRecorder) []string {
	var all []string
	for {
		select {
		case event := <-recorder.Events:
			all = append(all, event)
		default:
			return all
		}
	}
}
