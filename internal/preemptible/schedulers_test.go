package preemptible

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var spot = Recognizer{
	Labels: []NodeLabel{
		{Key: "example.com/spot", Values: []string{"true", "yes"}}, {Key: "example.com/cheap", Values: []string{"very"}}, {Key: "example.com/interruptible", Values: []string{""}},
	},
	Notices: []string{"example.com/end/*", "example.com/going"},
}

func TestRecognizer(t *testing.T) {
	labelled := func(key, value string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{key: value}}}
	}
	tainted := func(key string) *corev1.Node {
		return &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "example.com/other"}, {Key: key}}}}
	}
	for _, tt := range []struct {
		name                  string
		node                  *corev1.Node
		preemptible, notified bool
	}{
		{"no labels and no taints", &corev1.Node{}, false, false},
		{"a label with one of its values", labelled("example.com/spot", "yes"), true, false},
		{"another label", labelled("example.com/cheap", "very"), true, false},
		{"a label with the value of another", labelled("example.com/spot", "very"), false, false},
		{"a label with the value of none", labelled("example.com/spot", ""), false, false},
		{"a label that needs no value", labelled("example.com/interruptible", ""), true, false},
		{"a label that has a value and needs none", labelled("example.com/interruptible", "true"), false, false},
		{"a notice", tainted("example.com/going"), false, true},
		{"a key that begins like a notice", tainted("example.com/going/soon"), false, false},
		{"a key that begins like a notice that stands for many", tainted("example.com/end/near"), false, true},
		{"a key that ends before the notice does", tainted("example.com/end"), false, false},
	} {
		if p, n := spot.Preemptible(tt.node), spot.Notified(tt.node); p != tt.preemptible || n != tt.notified {
			t.Errorf("%s: preemptible %t, notified %t, want %t, %t", tt.name, p, n, tt.preemptible, tt.notified)
		}
	}
}

func TestSchedulersKnowNodesEachByItsOwnLabels(t *testing.T) {
	s := NewSchedulers(map[string]Options{"a": {Nodes: spot}, "b": {Nodes: Recognizer{Notices: spot.Notices}}}, nil)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"example.com/spot": "true"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "example.com/going"}}},
	}
	got := map[string][2]bool{}
	for _, scheduler := range []string{"a", "b", "unknown"} {
		preemptible, notified := s.Node(scheduler, node)
		got[scheduler] = [2]bool{preemptible, notified}
	}
	want := map[string][2]bool{"a": {true, true}, "b": {false, true}, "unknown": {false, false}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("preemptible and notified (-want +got):\n%s", diff)
	}
}

func TestWant(t *testing.T) {
	prefer := Prefer
	namespaces := []*corev1.Namespace{
		{ObjectMeta: metav1.ObjectMeta{Name: "quiet"}},
		{ObjectMeta: metav1.ObjectMeta{Name: "careful", Annotations: map[string]string{OnDemandMinAnnotation: "34%"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "wrong", Annotations: map[string]string{ModeAnnotation: "no"}}},
	}
	s := NewSchedulers(map[string]Options{
		"soft": {Default: Statement{Mode: &prefer}},
		"hard": {Default: Statement{Mode: &prefer, Hard: true}},
	}, namespaces)
	tests := []struct {
		name                 string
		scheduler, namespace string
		says                 map[string]string
		want                 Want
		err                  error
	}{
		{name: "the default of its scheduler", scheduler: "soft", namespace: "quiet", want: Want{Mode: Prefer, Max: Unlimited}},
		{name: "a scheduler without the plugin", scheduler: "other", namespace: "careful", says: map[string]string{ModeAnnotation: "nonsense"}, want: Want{Mode: Allow, Max: Unlimited}},
		{name: "a wish of the namespace counts", scheduler: "soft", namespace: "careful", want: Want{Mode: Prefer, Max: 6}},
		{name: "a limit of its own counts too", scheduler: "soft", namespace: "careful", says: map[string]string{MaxAnnotation: "2"}, want: Want{Mode: Prefer, Max: 2}},
		{name: "never means none", scheduler: "soft", namespace: "quiet", says: map[string]string{ModeAnnotation: "never", MaxAnnotation: "5"}, want: Want{Mode: Never, Max: 0}},
		{name: "require is without a limit", scheduler: "soft", namespace: "careful", says: map[string]string{ModeAnnotation: "require"}, want: Want{Mode: Require, Max: Unlimited}},
		{name: "annotations that make no sense", scheduler: "soft", namespace: "quiet", says: map[string]string{MaxAnnotation: "lots"},
			err: errors.New(`the pod's annotation stowage.dev/preemptible-max: "lots" must be a number of replicas, such as 2, or a percentage from 0% to 100%, such as 66%`)},
		{name: "a namespace's annotations that make no sense", scheduler: "soft", namespace: "wrong",
			err: errors.New(`namespace wrong: annotation stowage.dev/preemptible: "no" must be one of never, allow, prefer, require`)},
		{name: "a namespace that is not known has no wishes", scheduler: "soft", namespace: "new", want: Want{Mode: Prefer, Max: Unlimited}},
		{name: "a namespace that is not known and could have rules", scheduler: "hard", namespace: "new", err: errors.New("namespace new is not in the scheduler's cache yet")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: tt.namespace, Annotations: tt.says}}
			pod.Spec.SchedulerName = tt.scheduler
			got, err := s.Want(pod, 10)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want (-want +got):\n%s", diff)
			}
			if text(err) != text(tt.err) {
				t.Errorf("got the error %q, want %q", text(err), text(tt.err))
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
