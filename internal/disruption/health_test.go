package disruption

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestHealthFallsBelowWhatIsDemandedWhenPodsAreSpentAgainstTheBudget(t *testing.T) {
	demanded := intstr.FromInt32(2)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &demanded, Selector: &metav1.LabelSelector{}},
		Status:     policyv1.PodDisruptionBudgetStatus{ExpectedPods: 3, CurrentHealthy: 3, DesiredHealthy: 2, DisruptionsAllowed: 1},
	}
	var pods []*corev1.Pod
	for _, name := range []string{"a", "b", "c"} {
		pods = append(pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	l := NewLedger([]*policyv1.PodDisruptionBudget{budget}, pods, nil)
	name := types.NamespacedName{Namespace: "shop", Name: "web"}
	if diff := cmp.Diff([]types.NamespacedName{name}, l.Covering(pods[0])); diff != "" {
		t.Errorf("covering (-want +got):\n%s", diff)
	}
	type health struct {
		Healthy, Desired int
		Known            bool
	}
	of := func(name types.NamespacedName) health {
		healthy, desired, known := l.Health(name)
		return health{healthy, desired, known}
	}
	got := []health{of(name)}
	l.Spend(pods[0])
	l.Spend(pods[1])
	got = append(got, of(name), of(types.NamespacedName{Namespace: "shop", Name: "other"}))
	if diff := cmp.Diff([]health{{3, 2, true}, {1, 2, true}, {}}, got); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

func TestABudgetIsBehindUntilItsStatusShowsThePicture(t *testing.T) {
	ready := []*corev1.Pod{pod("web-0"), pod("web-1")}
	tests := []struct {
		name   string
		status policyv1.PodDisruptionBudgetStatus
		pods   []*corev1.Pod
		spend  bool
		want   bool
	}{
		{name: "all are counted", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 2}, pods: ready},
		{name: "a replacement is not counted", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 1}, pods: ready, want: true},
		{name: "a pod that is not ready is not waited for", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 1}, pods: []*corev1.Pod{pod("web-0"), pod("web-1", notReady)}},
		{name: "a loss is not counted", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 2}, pods: ready[:1]},
		{name: "an eviction of this run is not shown", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 2, ExpectedPods: 2, DisruptionsAllowed: 1}, pods: ready, spend: true, want: true},
		{name: "of a former spec", status: policyv1.PodDisruptionBudgetStatus{CurrentHealthy: 2, ObservedGeneration: -1}, pods: ready, want: true},
		{name: "pods that cannot be counted", status: policyv1.PodDisruptionBudgetStatus{Conditions: []metav1.Condition{
			{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason},
		}}, pods: ready},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			one := intstr.FromInt32(1)
			budget := &policyv1.PodDisruptionBudget{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
				Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: &one, Selector: &metav1.LabelSelector{}},
				Status:     tt.status,
			}
			l := NewLedger([]*policyv1.PodDisruptionBudget{budget}, tt.pods, nil)
			if tt.spend {
				l.Spend(tt.pods[0])
			}
			if got := l.Behind(types.NamespacedName{Namespace: "default", Name: "web"}); got != tt.want {
				t.Errorf("behind: %t, want %t", got, tt.want)
			}
		})
	}
}
