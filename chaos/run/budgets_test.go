package run

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// TestRecoveryEndsWhenTheBudgetsHaveCounted has a pod's replacement be ready before the disruption
// controller has counted it: what comes next would find that its budget lets nothing go.
func TestRecoveryEndsWhenTheBudgetsHaveCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		counts bool
		took   time.Duration
		notes  []string
	}{
		"a moment later":                        {counts: true, took: time.Second},
		"a controller that does not count them": {took: controllerPatience, notes: []string{"after 15s, the PodDisruptionBudgets had not counted the replacements of 1 lost pod, for example pod shop/web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ready := func(name string) *corev1.Pod {
					return &corev1.Pod{
						ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}},
						Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
					}
				}
				budget := &policyv1.PodDisruptionBudget{
					ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", ResourceVersion: "1"},
					Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
					Status:     policyv1.PodDisruptionBudgetStatus{ExpectedPods: 1},
				}
				client := fake.NewClientset(ready("web-1"), budget)
				ctx, cancel := context.WithCancel(t.Context())
				live, err := Open(ctx, client, "fake", "v1.37.2", nil)
				if err != nil {
					t.Fatal(err)
				}
				defer live.follower.Stop()
				defer cancel()
				memory := journal.NewMemory()
				e := &engine{Options: Options{Memory: memory}, live: live, ledger: disruption.NewLedger(nil, nil, nil), lost: []*corev1.Pod{ready("web-0")}}
				e.observer = recovery.New(recovery.Options{Workload: func(*corev1.Pod) *cluster.Workload { return nil }, Sink: e.write})
				e.write(journal.Record{Start: &journal.Start{ID: "r1"}})
				if tt.counts {
					time.AfterFunc(tt.took, func() {
						counted := budget.DeepCopy()
						counted.ResourceVersion, counted.Status.CurrentHealthy, counted.Status.DisruptionsAllowed = "2", 1, 1
						if _, err := client.PolicyV1().PodDisruptionBudgets("shop").UpdateStatus(ctx, counted, metav1.UpdateOptions{}); err != nil {
							t.Error(err)
						}
					})
				}
				begin := time.Now()
				if err := e.awaitRecovery(ctx, time.Minute); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(begin); took < tt.took || took > tt.took+2*recoveryPause {
					t.Errorf("it waited %s, want %s", took, tt.took)
				}
				var notes []string
				for _, note := range memory.Run().Notes {
					notes = append(notes, note.What.Message)
				}
				if diff := cmp.Diff(tt.notes, notes); diff != "" {
					t.Errorf("notes (-want +got):\n%s", diff)
				}
			})
		})
	}
}
