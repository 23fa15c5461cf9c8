package cluster

import (
	"math"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/apis/core/v1/helper"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestStay(t *testing.T) {
	unreachable := corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}
	tier := corev1.Taint{Key: "tier", Value: "2", Effect: corev1.TaintEffectNoExecute}
	everything := corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
	named := corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
	within := func(seconds int64, toleration corev1.Toleration) corev1.Toleration {
		toleration.TolerationSeconds = &seconds
		return toleration
	}
	for _, tt := range []struct {
		name        string
		tolerations []corev1.Toleration
		taints      []corev1.Taint
		want        time.Duration
	}{
		{"a node without taints is one to stay on", nil, nil, ForEver},
		{"a taint that nothing tolerates leaves no time", []corev1.Toleration{within(60, named)}, []corev1.Taint{tier}, 0},
		{"a taint of another effect evicts nobody", nil, []corev1.Taint{{Key: "tier", Effect: corev1.TaintEffectNoSchedule}}, ForEver},
		{"the first that matches decides, though a later one has no limit", []corev1.Toleration{within(60, everything), named}, []corev1.Taint{unreachable}, time.Minute},
		{"the first that matches decides, though a later one has a limit", []corev1.Toleration{named, within(60, everything)}, []corev1.Taint{unreachable}, ForEver},
		{"of several taints the shortest time counts", []corev1.Toleration{within(60, named), everything}, []corev1.Taint{tier, unreachable}, time.Minute},
		{"seconds below 0 are none", []corev1.Toleration{within(math.MinInt64, everything)}, []corev1.Taint{unreachable}, 0},
		{"seconds that no duration holds are for ever", []corev1.Toleration{within(math.MaxInt64, everything)}, []corev1.Taint{unreachable}, ForEver},
		{"a toleration that compares numbers counts", []corev1.Toleration{
			{Key: "tier", Operator: corev1.TolerationOpGt, Value: "2", TolerationSeconds: ptr.To[int64](10)},
			{Key: "tier", Operator: corev1.TolerationOpLt, Value: "3", TolerationSeconds: ptr.To[int64](20)},
		}, []corev1.Taint{tier}, 20 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Stay(tt.tolerations, tt.taints); got != tt.want {
				t.Errorf("it stays for %s, want %s", got, tt.want)
			}
		})
	}
}

// TestStayAgainstTheEngine draws tolerations and taints, and holds Stay against which
// tolerations the engine says are used.
func TestStayAgainstTheEngine(t *testing.T) {
	keys := []string{"a", "b", corev1.TaintNodeUnreachable}
	values := []string{"", "1", "2"}
	rapid.Check(t, func(t *rapid.T) {
		tolerations := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) corev1.Toleration {
			toleration := corev1.Toleration{
				Key:      rapid.SampledFrom(append(keys, "")).Draw(t, "key"),
				Operator: corev1.TolerationOpExists,
				Effect:   rapid.SampledFrom([]corev1.TaintEffect{"", corev1.TaintEffectNoExecute, corev1.TaintEffectNoSchedule}).Draw(t, "effect"),
			}
			if rapid.Bool().Draw(t, "of one value") && toleration.Key != "" {
				toleration.Operator, toleration.Value = corev1.TolerationOpEqual, rapid.SampledFrom(values).Draw(t, "value")
			}
			if rapid.Bool().Draw(t, "for a while") {
				toleration.TolerationSeconds = ptr.To(rapid.Int64Range(-1, 600).Draw(t, "seconds"))
			}
			return toleration
		}), 0, 5).Draw(t, "tolerations")
		taints := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) corev1.Taint {
			return corev1.Taint{
				Key: rapid.SampledFrom(keys).Draw(t, "key"), Value: rapid.SampledFrom(values).Draw(t, "value"),
				Effect: rapid.SampledFrom([]corev1.TaintEffect{corev1.TaintEffectNoExecute, corev1.TaintEffectNoSchedule}).Draw(t, "effect"),
			}
		}), 0, 4).Draw(t, "taints")
		var executed []corev1.Taint
		for _, taint := range taints {
			if taint.Effect == corev1.TaintEffectNoExecute {
				executed = append(executed, taint)
			}
		}
		want := ForEver
		tolerated, used := helper.GetMatchingTolerations(klog.Background(), executed, tolerations)
		if !tolerated {
			want = 0
		}
		for _, toleration := range used {
			if seconds := toleration.TolerationSeconds; seconds != nil {
				want = min(want, max(0, time.Duration(*seconds)*time.Second))
			}
		}
		if got := Stay(tolerations, taints); got != want {
			t.Fatalf("it stays for %s, want %s", got, want)
		}
	})
}
