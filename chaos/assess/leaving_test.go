package assess

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
