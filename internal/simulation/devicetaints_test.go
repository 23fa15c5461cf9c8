package simulation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// TestDeviceTaintRules has an administrator's rules come and go, beside the slices.
func TestDeviceTaintRules(t *testing.T) {
	rule := func(effect resourcev1.DeviceTaintEffect, selects *resourcev1.DeviceTaintSelector) *resourcev1.DeviceTaintRule {
		return &resourcev1.DeviceTaintRule{
			ObjectMeta: metav1.ObjectMeta{Name: "broken"},
			Spec:       resourcev1.DeviceTaintRuleSpec{DeviceSelector: selects, Taint: resourcev1.DeviceTaint{Key: "example.com/broken", Effect: effect}},
		}
	}
	onA := &resourcev1.DeviceTaintSelector{Driver: ptr.To(driver), Pool: ptr.To("a")}
	onlyFirst := &resourcev1.DeviceTaintSelector{Pool: ptr.To("a"), Device: ptr.To("dev-0")}
	tolerant := claimSpec(1)
	tolerant.Devices.Requests[0].Exactly.Tolerations = []resourcev1.DeviceToleration{{Key: "example.com/broken", Operator: resourcev1.DeviceTolerationOpExists}}
	template := func(spec resourcev1.ResourceClaimSpec) *resourcev1.ResourceClaimTemplate {
		return &resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "template"}, Spec: resourcev1.ResourceClaimTemplateSpec{Spec: spec}}
	}
	tests := []struct {
		name    string
		asks    resourcev1.ResourceClaimSpec
		objects []runtime.Object
		gone    []runtime.Object
		want    []string
	}{
		{name: "without a rule", asks: claimSpec(1), want: []string{"a", "b"}},
		{name: "a rule takes all devices of a node", asks: claimSpec(1), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA)}, want: []string{"b"}},
		{name: "and so it does where pods are to leave", asks: claimSpec(1), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoExecute, onA)}, want: []string{"b"}},
		{name: "but not where it only says what it would do", asks: claimSpec(1), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNone, onA)}, want: []string{"a", "b"}},
		{name: "a rule takes one device of two", asks: claimSpec(1), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onlyFirst)}, want: []string{"a", "b"}},
		{name: "which leaves too few", asks: claimSpec(2), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onlyFirst)}, want: []string{"b"}},
		{name: "a rule without a selector takes none", asks: claimSpec(1), objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, nil)}, want: []string{"a", "b"}},
		{name: "a claim tolerates the taint", asks: tolerant, objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA)}, want: []string{"a", "b"}},
		{
			name: "a rule is changed", asks: claimSpec(1), want: []string{"a", "b"},
			objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA), rule(resourcev1.DeviceTaintEffectNoSchedule, onlyFirst)},
		},
		{
			name: "a slice comes after its rule", asks: claimSpec(2), want: []string{"b"},
			objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA), deviceSlice("a", 3)},
		},
		{
			name: "a rule goes", asks: claimSpec(1), want: []string{"a", "b"},
			objects: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA)}, gone: []runtime.Object{rule(resourcev1.DeviceTaintEffectNoSchedule, onA)},
		},
		{name: "a slice goes", asks: claimSpec(1), gone: []runtime.Object{deviceSlice("b", 2)}, want: []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := withDevices(t, 2, 2, append([]runtime.Object{template(tt.asks)}, tt.objects...)...)
			for _, object := range tt.gone {
				if err := s.Forget(object); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, takers(t, s, templated(pod("new", "", "1", "0")))); diff != "" {
				t.Errorf("nodes that take it (-want +got):\n%s", diff)
			}
		})
	}
}
