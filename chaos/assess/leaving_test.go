package assess

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// TestPredictWithPodsOnTheirWay predicts random losses of random clusters in which pods are on
// their way out. They are none of the loss's doing, and a prediction leaves no trace of them.
func TestPredictWithPodsOnTheirWay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newAssessor(t), drawCluster(rt)
		defer a.Close()
		leaving := map[types.UID]bool{}
		for _, pod := range b.Pods {
			if pod.Spec.NodeName != "" && rapid.IntRange(0, 2).Draw(rt, "on its way out") == 0 {
				pod.DeletionTimestamp, leaving[pod.UID] = &metav1.Time{Time: now.Add(30 * time.Second)}, true
			}
		}
		loss := drawLoss(rt, b)
		var first *Prediction
		for range 2 {
			got, err := a.Predict(t.Context(), b.picture(), loss)
			if err != nil {
				rt.Fatal(err)
			}
			if first == nil {
				first = got
			}
			if diff := cmp.Diff(first, got); diff != "" {
				rt.Fatalf("asked again it predicts otherwise (-first +then):\n%s", diff)
			}
			for _, fate := range got.Pods {
				if leaving[fate.UID] && (fate.Wave > 0 || fate.Node != "") && fate.PreemptedBy == "" {
					rt.Fatalf("%s is on its way out, and %s by the loss, to node %q", fate.Pod, fate.Fate, fate.Node)
				}
			}
		}
	})
}

// TestPredictWithNodesOnTheirWay loses a node beside one that somebody takes away: the scheduler
// knows that by its taints only, and the prediction says so where it does not.
func TestPredictWithNodesOnTheirWay(t *testing.T) {
	deleted := func(node *corev1.Node) { node.DeletionTimestamp = &metav1.Time{Time: now} }
	tainted := func(node *corev1.Node) {
		node.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
	}
	everything := []corev1.Toleration{{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}}
	for _, tt := range []struct {
		name        string
		leaves      func(*corev1.Node)
		tolerations []corev1.Toleration
		fate        Fate
		note        string
	}{
		{"one without a taint takes pods, for now", deleted, nil, Fits, "assumes that node b stays, although it is being deleted"},
		{"one with the taint takes none", tainted, nil, Pending, ""},
		{"but those that tolerate it", tainted, everything, Fits, "assumes that node b stays, although it has the taint karpenter.sh/disrupted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a")
			b.Pods[0].Spec.Tolerations = tt.tolerations
			tt.leaves(b.Nodes[1])
			got, err := newAssessor(t).Predict(t.Context(), b.picture(), Loss{How: Down, Dead: true, Nodes: b.nodes("a")})
			if err != nil {
				t.Fatal(err)
			}
			fate := got.Pods[0]
			if fate.Fate != tt.fate || !strings.Contains(fate.Note, tt.note) || tt.note == "" && strings.Contains(fate.Note, "stays") {
				t.Errorf("it %s, note %q; want %s, %q", fate.Fate, fate.Note, tt.fate, tt.note)
			}
		})
	}
}
