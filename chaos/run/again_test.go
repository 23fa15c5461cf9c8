package run

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// TestPodsThatLeaveAfterADenial holds that the run took a pod that leaves after any webhook has
// denied its eviction, and that the API server's own refusals leave it to others.
func TestPodsThatLeaveAfterADenial(t *testing.T) {
	for _, tt := range []struct {
		outcome disruption.Outcome
		want    recovery.Summary
		fails   bool
	}{
		{outcome: disruption.Deferred, want: recovery.Summary{Drawn: 1}},
		{outcome: disruption.Denied, want: recovery.Summary{Drawn: 1}},
		{outcome: disruption.RefusedByBudget, want: recovery.Summary{Others: 1}},
		{outcome: disruption.Forbidden, want: recovery.Summary{Others: 1}, fails: true},
	} {
		t.Run(string(tt.outcome), func(t *testing.T) {
			pod := target.Pod{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0", UID: "web-0"}}}
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			observer := recovery.New(recovery.Options{
				Workload: func(*corev1.Pod) *cluster.Workload { return nil }, Sink: func(journal.Record) {},
			})
			observer.Pod(nil, pod.Pod, time.Unix(0, 0))
			observer.Begin(time.Unix(1, 0))
			observer.Drawn(pod, time.Time{})
			r := &removal{engine: &engine{
				Options: Options{Memory: journal.NewMemory()},
				ledger:  disruption.NewLedger(nil, []*corev1.Pod{pod.Pod}, nil), observer: observer, requests: map[types.UID]*request{},
			}}
			r.answered(pod, journal.VictimOf(pod), disruption.Result{Outcome: tt.outcome, Err: errors.New("no")})
			if fails := r.err != nil; fails != tt.fails {
				t.Errorf("the run ends with %v, want an error: %t", r.err, tt.fails)
			}
			observer.Pod(pod.Pod, nil, time.Unix(2, 0))
			got := observer.Summary()
			if got.Drawn != tt.want.Drawn || got.Others != tt.want.Others {
				t.Errorf("%d lost by the run and %d by others, want %d and %d", got.Drawn, got.Others, tt.want.Drawn, tt.want.Others)
			}
		})
	}
}
