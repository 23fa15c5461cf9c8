package karpenter

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
)

// history is a watcher that is told what happens.
type history struct{ *watcher }

func (h history) launched(name, price string) {
	c := &unstructured.Unstructured{Object: map[string]any{}}
	c.SetName(name)
	h.claim(c, false)
	c = c.DeepCopy()
	c.SetLabels(map[string]string{karpenter.PriceLabel: price})
	h.claim(c, false)
	h.node(nil, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-" + name, Labels: map[string]string{corev1.LabelHostname: name}}})
}

func (h history) leaves(name string, gone bool) {
	c := &unstructured.Unstructured{Object: map[string]any{}}
	c.SetName(name)
	c.SetDeletionTimestamp(&metav1.Time{Time: h.begun})
	h.claim(c, gone)
}

func (h history) bound(name, node string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}}
	h.pod(nil, pod)
	is := pod.DeepCopy()
	is.Spec.NodeName = node
	is.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	h.pod(pod, is)
	return is
}

func (h history) evict(pod *corev1.Pod) {
	is := pod.DeepCopy()
	is.DeletionTimestamp = &metav1.Time{Time: h.begun}
	is.Status.Conditions = append(is.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"})
	h.pod(pod, is)
	h.pod(is, nil)
}

// TestWatcher has two nodes planned, a third made for a pod that is left over, and one taken
// away with its pod evicted.
func TestWatcher(t *testing.T) {
	h := history{newWatcher(io.Discard)}
	h.launched("a", "0.25")
	h.launched("b", "0.5")
	first := h.bound("1", "node-a")
	h.bound("2", "node-b")
	h.launched("c", "0.125")
	h.bound("3", "node-c")
	type state struct {
		Planned, Fleet      fleet
		LeftOver, Disrupted int
		Running, All        int
	}
	check := func(when string, want state) {
		t.Helper()
		got := state{Planned: h.planned(), Fleet: h.fleet(), LeftOver: h.leftOver(), Disrupted: h.disrupted()}
		got.Running, got.All = h.running()
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(fleet{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	planned := fleet{2, 0.75}
	check("scaled up", state{Planned: planned, Fleet: fleet{3, 0.875}, LeftOver: 1, Running: 3, All: 3})
	h.begin()
	h.leaves("a", false)
	h.evict(first)
	check("while a node leaves", state{Planned: planned, Fleet: fleet{2, 0.625}, LeftOver: 1, Disrupted: 1, Running: 2, All: 2})
	h.leaves("a", true)
	h.begin()
	check("counted anew", state{Planned: planned, Fleet: fleet{2, 0.625}, LeftOver: 1, Running: 2, All: 2})
}
