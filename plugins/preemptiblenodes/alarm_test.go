package preemptiblenodes

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/testutil"
	fwk "k8s.io/kube-scheduler/framework"
)

// sized gives a node other capacities.
func sized(n *corev1.Node, cpu, memory string) *corev1.Node {
	n.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	return n
}

func ratios(t *testing.T) [2]float64 {
	t.Helper()
	var got [2]float64
	for i, resource := range []string{"cpu", "memory"} {
		value, err := testutil.GetGaugeMetricValue(capacityRatio.WithLabelValues(resource))
		if err != nil {
			t.Fatal(err)
		}
		got[i] = value
	}
	return got
}

// TestAlarm has nodes come, go and change kind, and a pod scheduled after each.
func TestAlarm(t *testing.T) {
	c := newCluster(t, "")
	recorder := events.NewFakeRecorder(10)
	a := c.plugin.alarm
	a.recorder = recorder
	const over = "Warning MostlyPreemptible "
	const ofNodes = " are on preemptible nodes, which is more than two thirds"
	steps := []struct {
		name        string
		change      func()
		cpu, memory float64
		want        string
	}{
		{"no node", func() {}, 0, 0, ""},
		{"one for all", func() { a.see(sized(node("a"), "4", "6Gi")) }, 0, 0, ""},
		{"half the cpu", func() { a.see(sized(spot("b", "z", "m"), "4", "2Gi")) }, 0.5, 0.25, ""},
		{"two thirds are not too much", func() { a.see(sized(spot("c", "z", "m"), "4", "1Gi")) }, 2.0 / 3, 3.0 / 9, ""},
		{"more is", func() { a.see(sized(spot("d", "z", "m"), "8", "1Gi")) }, 0.8, 0.4, over + "80% of the cluster's cpu and 40% of its memory" + ofNodes},
		{"once is enough", func() { a.see(sized(spot("e", "z", "m"), "20", "0")) }, 0.9, 0.4, ""},
		{"the same again", func() { a.see(sized(spot("e", "z", "m"), "20", "0")) }, 0.9, 0.4, ""},
		{"one becomes another kind", func() { a.see(sized(node("e"), "20", "0")) }, 0.4, 0.4, ""},
		{"and back", func() { a.see(sized(spot("e", "z", "m"), "20", "0")) }, 0.9, 0.4, over + "90% of the cluster's cpu and 40% of its memory" + ofNodes},
		{"one goes", func() { a.forget("e"); a.forget("d") }, 2.0 / 3, 3.0 / 9, ""},
		{"memory alone is too much", func() { a.see(sized(node("a"), "4", "1Gi")) }, 2.0 / 3, 0.75, over + "67% of the cluster's cpu and 75% of its memory" + ofNodes},
		{"all go", func() { a.forget("a"); a.forget("b"); a.forget("c"); a.forget("never there") }, 0, 0, ""},
		{"only preemptible ones", func() { a.see(sized(spot("b", "z", "m"), "1", "1Gi")) }, 1, 1, over + "100% of the cluster's cpu and 100% of its memory" + ofNodes},
	}
	for _, step := range steps {
		step.change()
		c.schedule(pod("p", nil))
		got := ""
		select {
		case got = <-recorder.Events:
		default:
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s: event (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff([2]float64{step.cpu, step.memory}, ratios(t)); diff != "" {
			t.Errorf("%s: ratios (-want +got):\n%s", step.name, diff)
		}
	}
	if len(recorder.Events) > 0 {
		t.Errorf("one event more: %s", <-recorder.Events)
	}
}

// TestAlarmFollowsNodes has them come, change and go at an API server.
func TestAlarmFollowsNodes(t *testing.T) {
	l := newLive(t, namespace(nil), sized(node("a"), "4", "4Gi"), sized(spot("b", "z", "m"), "4", "4Gi"))
	l.within("the nodes are seen", func() bool { return ratios(t) == [2]float64{0.5, 0.5} })
	nodes := l.client.CoreV1().Nodes()
	if _, err := nodes.Create(t.Context(), sized(spot("c", "z", "m"), "8", "8Gi"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the new node is seen", func() bool { return ratios(t) == [2]float64{0.75, 0.75} })
	if len(l.handle.events.Events) > 0 {
		t.Error("an event before any pod is scheduled: also a scheduler that does not lead would send it")
	}
	l.try(pod("p", nil), pod("q", nil))
	if got := len(l.handle.events.Events); got != 1 {
		t.Errorf("%d events, want one", got)
	}
	if _, err := nodes.Update(t.Context(), sized(node("c"), "8", "8Gi"), metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the changed node is seen", func() bool { return ratios(t) == [2]float64{0.25, 0.25} })
	if err := nodes.Delete(t.Context(), "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the node is gone", func() bool { return ratios(t) == [2]float64{0, 0} })
}

// TestPoliciesAboutNodesThatNobodyKnows has pods come with and without a policy, while no node is
// known as preemptible, and again after one was.
func TestPoliciesAboutNodesThatNobodyKnows(t *testing.T) {
	l := newLive(t, namespace(nil), node("a", "example.com/spot=true"))
	told := func(step string, want int, pods ...*corev1.Pod) {
		t.Helper()
		l.try(pods...)
		got := 0
		for len(l.handle.events.Events) > 0 {
			if event := <-l.handle.events.Events; strings.HasPrefix(event, "Warning NoPreemptibleNodes The pod's policy is about preemptible nodes") {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: %d events, want %d", step, got, want)
		}
	}
	never := func(name string) *corev1.Pod { return pod(name, stringMap{PreemptibleAnnotation: "never"}) }
	told("a pod without a policy", 0, pod("p", nil))
	told("pods with one", 1, never("q"), never("r"))
	if _, err := l.client.CoreV1().Nodes().Create(t.Context(), spot("b", "z", "m"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the node is seen", l.plugin.alarm.mayBePreemptible)
	told("a node is known", 0, never("s"))
	if err := l.client.CoreV1().Nodes().Delete(t.Context(), "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("the node is gone", func() bool { return !l.plugin.alarm.mayBePreemptible() })
	told("none is known any more", 1, pod("t", stringMap{PreemptibleMaxAnnotation: "1"}), never("u"))
}

func TestPoliciesWaitForTheNodes(t *testing.T) {
	c := newCluster(t, "") // whose informers never start
	recorder := events.NewFakeRecorder(10)
	c.plugin.alarm.recorder = recorder
	c.addNodes(node("a"))
	c.schedule(pod("p", stringMap{PreemptibleAnnotation: "never"}))
	if len(recorder.Events) > 0 {
		t.Errorf("an event before the nodes are known: %s", <-recorder.Events)
	}
}

func TestSignPod(t *testing.T) {
	l := newLive(t, namespace(nil), node("a"))
	sign := func(p *corev1.Pod) []fwk.SignFragment {
		t.Helper()
		fragments, status := l.plugin.SignPod(t.Context(), p)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		return fragments
	}
	other := pod("p", nil)
	other.Namespace = "other"
	plain, same := sign(pod("p", nil)), sign(owned(pod("q", stringMap{"example.com/a": "b"}), "apps/v1", "ReplicaSet", "web", "web"))
	if diff := cmp.Diff(plain, same); diff != "" {
		t.Errorf("pods that are alike (-want +got):\n%s", diff)
	}
	for name, p := range map[string]*corev1.Pod{
		"another policy":            pod("p", stringMap{PreemptibleAnnotation: "never"}),
		"an annotation that is off": pod("p", stringMap{"stowage.dev/preemptible-maximum": "1"}),
		"another namespace":         other,
		"a DaemonSet's":             owned(pod("p", nil), "apps/v1", "DaemonSet", "logs", "logs"),
	} {
		if cmp.Equal(plain, sign(p)) {
			t.Errorf("%s: signed as any other pod", name)
		}
	}
	if _, err := l.client.CoreV1().Nodes().Create(t.Context(), spot("b", "z", "m"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("pods are not signed where there are preemptible nodes", func() bool {
		_, status := l.plugin.SignPod(t.Context(), pod("p", nil))
		return status.IsRejected()
	})
	if err := l.client.CoreV1().Nodes().Delete(t.Context(), "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	l.within("pods are signed again", func() bool {
		_, status := l.plugin.SignPod(t.Context(), pod("p", nil))
		return status.IsSuccess()
	})
}

func TestSignPodWaitsForTheNodes(t *testing.T) {
	c := newCluster(t, "") // whose informers never start
	if _, status := c.plugin.SignPod(t.Context(), pod("p", nil)); !status.IsRejected() {
		t.Errorf("a pod is signed before the nodes are known: %v", status)
	}
}
