package upgrade

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestAWaveIsPlannedAgainIfANodeIsGoneOrIsAnother(t *testing.T) {
	a, b := machine("a", "a1", "boot-a", "v1"), machine("b", "b1", "boot-b", "v1")
	for _, tt := range []struct {
		name  string
		nodes []*corev1.Node
		want  bool
	}{
		{name: "all are there", nodes: []*corev1.Node{a, b}, want: true},
		{name: "one is gone", nodes: []*corev1.Node{a}},
		{name: "all are gone"},
		{name: "one is another", nodes: []*corev1.Node{a, machine("b", "b2", "boot-b2", "v1")}},
	} {
		if got := same(tt.nodes, []string{"a", "b"}, []*corev1.Node{a, b}); got != tt.want {
			t.Errorf("%s: %t, want %t", tt.name, got, tt.want)
		}
	}
}

func TestANodeIsNotEmptyWhileAPodIsTerminating(t *testing.T) {
	pod := func(name, node string, change func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
		if change != nil {
			change(pod)
		}
		return pod
	}
	terminating := func(pod *corev1.Pod) {
		pod.DeletionTimestamp, pod.Finalizers = &metav1.Time{Time: now}, []string{"example.com/hold"}
	}
	done := func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }
	for _, tt := range []struct {
		name string
		pods []*corev1.Pod
		want string
	}{
		{name: "no pods"},
		{name: "pods that have ended, or are elsewhere", pods: []*corev1.Pod{pod("job", "a", done), pod("web", "b", nil)}},
		{name: "a pod that is held by a finalizer", pods: []*corev1.Pod{pod("web", "a", terminating)}, want: "node a has pod shop/web, which is terminating"},
		{name: "a pod that has come", pods: []*corev1.Pod{pod("web", "a", nil)}, want: "node a has pod shop/web, which is running"},
	} {
		client := fake.NewClientset()
		for _, pod := range tt.pods {
			if err := client.Tracker().Add(pod); err != nil {
				t.Fatal(err)
			}
		}
		if got := remaining(t.Context(), client, []*corev1.Node{machine("a", "a1", "boot-a", "v1")}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestANodeOfAnotherUIDIsNotTheOneThatWasDrained(t *testing.T) {
	a, b, c := machine("a", "a1", "boot-a", "v1"), machine("b", "b1", "boot-b", "v1"), machine("c", "c1", "boot-c", "v1")
	there, gone := present([]*corev1.Node{a, b, c}, []*corev1.Node{machine("a", "a1", "boot-a2", "v1"), machine("b", "b2", "boot-b2", "v1")})
	if got, want := fmt.Sprint(namesOf(there), namesOf(gone)), "[a] [b c]"; got != want {
		t.Errorf("there and gone: %s, want %s", got, want)
	}
	if there[0].Status.NodeInfo.BootID != "boot-a2" {
		t.Error("it is not the node as it is now")
	}
}

func TestTheCommandOfAWave(t *testing.T) {
	for _, tt := range []struct {
		name, command string
		timeout       time.Duration
		ended         string
		err           string
		code          int
	}{
		{name: "all succeed", command: `test "$STOWAGE_NODE_UID" = "${STOWAGE_NODE}1" && test "$STOWAGE_STEP" = replace`, timeout: time.Hour, ended: "[a b]"},
		{name: "one of a batch fails", command: `test "$STOWAGE_NODE" = a`, timeout: time.Hour, ended: "[a]", err: "the command to replace node b ended with exit status 1", code: exit.Error},
		{name: "it takes too long", command: "sleep 600 & wait", timeout: time.Millisecond, ended: "[]", err: "was stopped: not done after 1ms", code: exit.Failed},
	} {
		r := &Run{Upgrade: journal.Upgrade{Command: tt.command, Timeout: metav1.Duration{Duration: tt.timeout}}, Output: io.Discard}
		ended, err := r.command(t.Context(), "replace", []*corev1.Node{machine("a", "a1", "boot-a", "v1"), machine("b", "b1", "boot-b", "v1")})
		if got := fmt.Sprint(namesOf(ended)); got != tt.ended || exit.Code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %s, error %v with code %d", tt.name, got, err, exit.Code(err))
		}
	}
}

func TestEachReplacementCountsForOneNode(t *testing.T) {
	a, c := machine("a", "a1", "boot-a", "v1"), machine("c", "c1", "boot-c", "v1")
	r := &Run{Upgrade: journal.Upgrade{Command: "replace", Nodes: []journal.Node{NodeOf(a)}}, Selects: func(*corev1.Node) bool { return true }}
	if err := r.Begin([]*corev1.Node{a}, false); err != nil {
		t.Fatal(err)
	}
	wave := []*corev1.Node{a}
	if lacks := r.lacking([]*corev1.Node{c}, wave, false); lacks != "" {
		t.Fatal(lacks)
	}
	if by := r.credit(); by == nil || by.Name != "c" {
		t.Errorf("it is replaced by %v", by)
	}
	if lacks, want := r.lacking([]*corev1.Node{c}, wave, false), "0 of 1 new Ready node"; lacks != want {
		t.Errorf("it lacks %q, want %q", lacks, want)
	}
}

func TestNodesThatSomebodyElseHasDeletedAreAnErrorAtTheEnd(t *testing.T) {
	a, b := machine("a", "a1", "boot-a", "v1"), machine("b", "b1", "boot-b", "v1")
	r := &Run{Upgrade: journal.Upgrade{Command: "replace", Nodes: []journal.Node{NodeOf(a), NodeOf(b)}, Done: []journal.Node{NodeOf(a)}}}
	if err := r.Begin(nil, true); err != nil {
		t.Fatal(err)
	}
	const want = "somebody else has deleted 1 node, which this run has not replaced: b"
	if err := r.Vanished(); err == nil || err.Error() != want || exit.Code(err) != exit.Failed {
		t.Errorf("error %v, want %q", err, want)
	}
	r.done["b1"] = true
	if err := r.Vanished(); err != nil {
		t.Error(err)
	}
}
