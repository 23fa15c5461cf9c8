package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// costly is a loss of forty pods, of which two stay pending.
func costly() *Prediction {
	p := &Prediction{
		Workloads: []WorkloadFate{
			{Workload: "DaemonSet shop/agent", Desired: -1, Ready: 4, Floor: 3},
			{Workload: "Deployment shop/checkout", Desired: 3, Ready: 3, Floor: 1},
			{Workload: "Deployment shop/web", Desired: 12, Ready: 12, Floor: 8},
			{Workload: "StatefulSet shop/db", Desired: 0, Ready: 1, Floor: 0},
		},
		Budgets: []BudgetFate{{Namespace: "shop", Budget: "checkout"}, {Namespace: "shop", Budget: "web", Broken: true}},
	}
	for i := range 45 {
		fate := Fits
		switch {
		case i < 2:
			fate = Pending
		case i >= 40:
			fate = Kept
		}
		p.Pods = append(p.Pods, PodFate{Fate: fate})
	}
	return p
}

func TestThresholds(t *testing.T) {
	share := func(text string) *intstr.IntOrString { return ptr.To(intstr.Parse(text)) }
	const (
		pending  = "2 of 40 pods would stay pending, at most 0 allowed"
		broken   = "1 of 2 budgets would be broken (shop/web), at most 0 allowed"
		checkout = "Deployment shop/checkout would have 1 of 3 pods ready at the worst moment, "
		web      = "Deployment shop/web would have 8 of 12 pods ready at the worst moment, "
	)
	one := intstr.Parse("1")
	for _, tt := range []struct {
		name string
		Thresholds
		want []string
	}{
		{"without any, nothing may stay pending or be broken", Thresholds{}, []string{pending, broken}},
		{"as many as may stay pending", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: one}, nil},
		{"one more", Thresholds{MaxPending: intstr.Parse("1"), MaxBrokenBudgets: one}, []string{"2 of 40 pods would stay pending, at most 1 allowed"}},
		{"as large a part of those that go", Thresholds{MaxPending: intstr.Parse("5%"), MaxBrokenBudgets: one}, nil},
		{"a larger one, since percentages are rounded down", Thresholds{MaxPending: intstr.Parse("4%"), MaxBrokenBudgets: one}, []string{"2 of 40 pods would stay pending, at most 4% allowed"}},
		{"workloads that fall too far", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: one, MinAvailability: share("60%")}, []string{checkout + "60% required"}},
		{"percentages of what is desired are rounded up", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: one, MinAvailability: share("67%")}, []string{checkout + "67% required", web + "67% required"}},
		{"no more than all are demanded, and of what has no number all that there were", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: one, MinAvailability: share("9")}, []string{
			"DaemonSet shop/agent would have 3 of 4 pods ready at the worst moment, 9 required", checkout + "9 required", web + "9 required",
		}},
		{"all that are missed are said", Thresholds{MinAvailability: share("1%")}, []string{pending, broken}},
		{"half of the budgets", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: intstr.Parse("50%")}, nil},
		{"fewer than half of them", Thresholds{MaxPending: intstr.Parse("2"), MaxBrokenBudgets: intstr.Parse("49%")}, []string{"1 of 2 budgets would be broken (shop/web), at most 49% allowed"}},
		{"what cannot be read allows nothing", Thresholds{MaxPending: intstr.Parse("few"), MaxBrokenBudgets: intstr.Parse("few")}, []string{
			"2 of 40 pods would stay pending, at most few allowed", "1 of 2 budgets would be broken (shop/web), at most few allowed",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.Missed(costly())); diff != "" {
				t.Errorf("missed (-want +got):\n%s", diff)
			}
		})
	}
}
