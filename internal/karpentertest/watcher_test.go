package karpentertest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
)

func TestWatcher(t *testing.T) {
	node := func(name, capacityType string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			karpenter.PoolLabel: "pool", karpenter.CapacityTypeLabel: capacityType, corev1.LabelInstanceTypeStable: "s-2x",
		}}}
	}
	pod := func(name, node string, changes ...func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Labels: map[string]string{appLabel: web}},
			Spec:       corev1.PodSpec{NodeName: node},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		}
		for _, change := range changes {
			change(p)
		}
		return p
	}
	leaving := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	other := func(p *corev1.Pod) { p.Labels[appLabel] = "other" }
	const tooMany = "2 replicas on spot nodes and 0 on others, of 1 and 2 at most"
	tests := []struct {
		name       string
		nodes      []*corev1.Node
		pods       []*corev1.Pod
		want       view
		wantBroken []string
	}{
		{"nothing is there", nil, nil, view{}, nil},
		{
			"within the limits, with a node that nobody is on", []*corev1.Node{node("a", karpenter.Spot), node("b", karpenter.OnDemand), node("c", karpenter.Spot)},
			[]*corev1.Pod{pod("1", "a"), pod("2", "b"), pod("3", "b")},
			view{pods: 3, running: 3, nodes: []string{"a", "b", "c"}, idle: 1, spot: 1, onDemand: 2}, nil,
		},
		{
			"one too many on a spot node", []*corev1.Node{node("a", karpenter.Spot)}, []*corev1.Pod{pod("1", "a"), pod("2", "a")},
			view{pods: 2, running: 2, nodes: []string{"a"}, spot: 2}, []string{tooMany},
		},
		{
			"one on its way out, and one of another workload", []*corev1.Node{node("a", karpenter.Spot)},
			[]*corev1.Pod{pod("1", "a"), pod("2", "a", leaving), pod("3", "a", other)},
			view{pods: 3, running: 2, nodes: []string{"a"}, spot: 1}, nil,
		},
	}
	for _, tt := range tests {
		for _, nodesFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, nodes first: %t", tt.name, nodesFirst), func(t *testing.T) {
				w := newWatcher()
				w.look("ns", "pool", limits{spot: 1, onDemand: 2})
				nodes := func() {
					for _, n := range tt.nodes {
						w.node(nil, n)
					}
				}
				if nodesFirst {
					nodes()
				}
				for _, p := range tt.pods {
					w.pod(nil, p)
				}
				if !nodesFirst {
					nodes()
				}
				got := w.view("ns")
				if diff := cmp.Diff(tt.wantBroken, got.broken); diff != "" {
					t.Errorf("limits broken (-want +got):\n%s", diff)
				}
				got.broken, got.quiet, got.nodesOf, got.text = nil, 0, nil, ""
				if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(view{})); diff != "" {
					t.Errorf("seen (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestWatcherRemembers that a limit was broken when it no longer is.
func TestWatcherRemembers(t *testing.T) {
	w := newWatcher()
	w.look("ns", "pool", limits{onDemand: 1})
	spot := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{karpenter.PoolLabel: "pool", karpenter.CapacityTypeLabel: karpenter.Spot}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", UID: "1", Labels: map[string]string{appLabel: web}}, Spec: corev1.PodSpec{NodeName: "a"}}
	w.node(nil, spot)
	w.pod(nil, pod)
	w.pod(pod, nil)
	v := w.view("ns")
	want := []string{"1 replicas on spot nodes and 0 on others, of 0 and 1 at most"}
	if diff := cmp.Diff(want, v.broken); diff != "" || v.pods != 0 {
		t.Errorf("%d pods, limits broken (-want +got):\n%s", v.pods, diff)
	}
}
