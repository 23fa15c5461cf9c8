package cluster

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestEligibleByComparison has a toleration that compares numbers: what is counted as room for
// a pod goes by it, as the schedulers that are simulated do.
func TestEligibleByComparison(t *testing.T) {
	node := &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "failures-per-year", Value: "5", Effect: corev1.TaintEffectNoSchedule}}}}
	for _, tt := range []struct {
		operator corev1.TolerationOperator
		value    string
		want     bool
	}{
		{corev1.TolerationOpLt, "10", true},
		{corev1.TolerationOpLt, "5", false},
		{corev1.TolerationOpGt, "4", true},
		{corev1.TolerationOpGt, "many", false},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: []corev1.Toleration{{Key: "failures-per-year", Operator: tt.operator, Value: tt.value, Effect: corev1.TaintEffectNoSchedule}}}}
		if got := eligible(pod, Amounts{}, node, Amounts{}); got != tt.want {
			t.Errorf("%s %s: eligible %t, want %t", tt.operator, tt.value, got, tt.want)
		}
	}
}
