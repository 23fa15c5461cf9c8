package faulttest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// a history is told a second per event.
func told(events ...Event) History {
	for i := range events {
		events[i].At = noon.Add(time.Duration(i) * time.Second)
	}
	return events
}

func node(name string, change ...func(*corev1.Node)) Event {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourcePods: resource.MustParse("3"),
	}}}
	for _, f := range change {
		f(n)
	}
	return Event{Node: n}
}

func pod(name, node string, change ...func(*corev1.Pod)) Event {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
		Spec: corev1.PodSpec{NodeName: node, SchedulerName: "ours", Containers: []corev1.Container{{
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}},
		}}},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, f := range change {
		f(p)
	}
	return Event{Pod: p}
}

func unready(p *corev1.Pod) { p.Status.Conditions = nil }
func leaving(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }

func gone(e Event) Event {
	e.Gone = true
	return e
}

func budget(least int) Event {
	return Event{Budget: &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: ptr.To(intstr.FromInt(least)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}}
}

// TestCheck has histories in which an invariant is broken, and others that are like them.
func TestCheck(t *testing.T) {
	ours := Limits{Scheduler: "ours", Budgets: true, AtOnce: 1, End: noon, Until: noon.Add(time.Hour)}
	scheduler, budgets, atOnce, quiet := Limits{Scheduler: "ours"}, Limits{Budgets: true}, Limits{AtOnce: 1}, Limits{End: noon, Until: noon.Add(time.Hour)}
	for _, tt := range []struct {
		name    string
		limits  Limits
		history History
		want    []string
	}{
		{"pods that are bound and stay", ours, told(node("a"), pod("p", ""), pod("p", "a"), pod("q", "", unready), pod("q", "a", unready), pod("q", "a")), nil},
		{"a pod on one node and then on another", scheduler, told(node("a"), node("b"), pod("p", "a"), pod("p", "b")), []string{BoundOnce}},
		{"a pod that loses its node", scheduler, told(node("a"), pod("p", "a"), pod("p", "")), []string{BoundOnce}},
		{"three pods of 1 CPU on 2 CPUs", scheduler, told(node("a"), pod("p", "a"), pod("q", "a"), pod("r", "a")), []string{HasRoom}},
		{"three pods, of which one was gone", scheduler, told(node("a"), pod("p", "a"), pod("q", "a"), gone(pod("p", "a")), pod("r", "a")), nil},
		{"three pods, of which one is still leaving", scheduler, told(node("a"), pod("p", "a"), pod("q", "a"), pod("p", "a", leaving), pod("r", "a")), []string{HasRoom}},
		{"more pods than a node takes", scheduler, told(node("a", func(n *corev1.Node) { n.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("9") }),
			pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("s", "a")), []string{HasRoom}},
		{"another scheduler's pod", scheduler, told(node("a"), pod("p", "a"), pod("q", "a"), pod("r", "a", func(p *corev1.Pod) { p.Spec.SchedulerName = "theirs" })), nil},
		{"a node that is not there", scheduler, told(pod("p", "a")), []string{Admitted}},
		{"a taint that is not tolerated", scheduler, told(node("a", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
		}), pod("p", "a")), []string{Admitted}},
		{"a taint that is tolerated", scheduler, told(node("a", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
		}), pod("p", "a", func(p *corev1.Pod) {
			p.Spec.Tolerations = []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}
		})), nil},
		{"a selector that does not match", scheduler, told(node("a"), pod("p", "a", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} })), []string{Admitted}},
		{"a pod that its node rejects", scheduler, told(node("a"), pod("p", "a"), pod("p", "a", unready, func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "OutOfcpu" })), []string{NotRejected}},
		{"the same after a change of leader", Limits{Scheduler: "ours", Stale: true}, told(node("a"), pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("r", "a", unready, func(p *corev1.Pod) { p.Status.Phase, p.Status.Reason = corev1.PodFailed, "OutOfcpu" })), nil},
		{"one pod too few for a budget", budgets, told(budget(2), pod("p", "a"), pod("q", "a"), pod("q", "a", leaving)), []string{Budgets}},
		{"a budget that was not fulfilled yet", budgets, told(budget(2), pod("p", "a"), pod("q", "", unready)), nil},
		{"as few as a budget allows", budgets, told(budget(2), pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("q", "a", leaving)), nil},
		{"two pods away where one may be", atOnce, told(pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("p", "a", leaving), pod("q", "a", leaving)), []string{AtOnce}},
		{"one after the other", atOnce, told(pod("p", "a"), pod("q", "a"), pod("p", "a", leaving), pod("p2", "b"), gone(pod("p", "a")), pod("q", "a", leaving)), nil},
		{"two pods away, of which another program has removed one", Limits{AtOnce: 1, Budgets: true, Others: 1}, told(budget(2), pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("p", "a", leaving), pod("q", "a", leaving)), nil},
		{"three pods away, of which another program has removed one", Limits{AtOnce: 1, Budgets: true, Others: 1}, told(budget(2), pod("p", "a"), pod("q", "a"), pod("r", "a"), pod("p", "a", leaving), pod("q", "a", leaving), pod("r", "a", leaving)), []string{AtOnce, Budgets}},
		{"a pod removed long after the end", quiet, told(pod("p", "a"), pod("q", "a"), pod("q", "a"), pod("p", "a", leaving)), []string{Quiet}},
		{"a pod removed that was on its way at the end", quiet, told(pod("p", "a"), pod("p", "a", leaving), pod("q", "a"), pod("q", "a"), gone(pod("p", "a", leaving))), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, broken := range Check(tt.history, tt.limits) {
				if !slices.Contains(got, broken.Invariant) {
					got = append(got, broken.Invariant)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("broken (-want +got):\n%s", diff)
			}
		})
	}
}
