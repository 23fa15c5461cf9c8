package assess

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// Thresholds limit the effect of a loss. The zero value allows no pending pods and no broken
// budgets.
type Thresholds struct {
	// MaxPending is the maximum number of pending pods: a number, or a percentage of the removed pods,
	// rounded down.
	MaxPending intstr.IntOrString
	// MaxBrokenBudgets is the maximum number of broken budgets: a number, or a percentage of the budgets
	// that select lost pods, rounded down.
	MaxBrokenBudgets intstr.IntOrString
	// MinAvailability is the minimum number of ready pods of every workload at the worst moment: a
	// number, or a percentage of its desired pods, rounded up. Nil means no minimum.
	MinAvailability *intstr.IntOrString
}

// Missed lists the thresholds that a loss would miss, and by how much.
func (t Thresholds) Missed(p *Prediction) []string {
	var missed []string
	miss := func(format string, args ...any) { missed = append(missed, fmt.Sprintf(format, args...)) }

	if pending, going := p.Count(Pending), p.Going(); exceeds(pending, going, t.MaxPending) {
		miss("%d of %d pods would stay pending, at most %s allowed", pending, going, t.MaxPending.String())
	}
	var broken []string
	for _, b := range p.Budgets {
		if b.Broken {
			broken = append(broken, b.Namespace+"/"+b.Budget)
		}
	}
	if exceeds(len(broken), len(p.Budgets), t.MaxBrokenBudgets) {
		miss("%d of %d budgets would be broken (%s), at most %s allowed", len(broken), len(p.Budgets), strings.Join(broken, ", "), t.MaxBrokenBudgets.String())
	}
	if t.MinAvailability == nil {
		return missed
	}
	for _, w := range p.Workloads {
		desired := w.Desired
		if desired < 0 {
			desired = w.Ready
		}
		if need, err := field.Demanded(*t.MinAvailability, desired); err != nil || w.Floor < need {
			miss("%s would have %d of %d pods ready at the worst moment, %s required", w.Workload, w.Floor, desired, t.MinAvailability.String())
		}
	}
	return missed
}

// exceeds says whether n exceeds the maximum, as a number or a percentage of the total. An
// invalid maximum allows none.
func exceeds(n, of int, most intstr.IntOrString) bool {
	allowed, err := intstr.GetScaledValueFromIntOrPercent(&most, of, false)
	return n > 0 && err != nil || n > allowed
}
