package assess

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/field"
)

// Thresholds are what a loss may cost and still be survived. The zero value allows no pod to
// stay pending and no budget to be broken.
type Thresholds struct {
	// MaxPending is how many pods may stay pending, of those that go: a number, or a
	// percentage, rounded down.
	MaxPending intstr.IntOrString
	// MaxBrokenBudgets is how many budgets may be broken, of those that select lost pods: a
	// number, or a percentage, rounded down.
	MaxBrokenBudgets intstr.IntOrString
	// MinAvailability is how many of its desired pods every workload must keep ready at the
	// worst moment: a number, or a percentage, rounded up. Nil demands none.
	MinAvailability *intstr.IntOrString
}

// Missed says in a sentence each which thresholds a loss would miss, and by how much.
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
			miss("%s would have %d of %d pods ready at the worst moment, %s demanded", w.Workload, w.Floor, desired, t.MinAvailability.String())
		}
	}
	return missed
}

// exceeds says whether there are more than may be, of so many. What cannot be read allows
// none.
func exceeds(n, of int, most intstr.IntOrString) bool {
	allowed, err := intstr.GetScaledValueFromIntOrPercent(&most, of, false)
	return n > 0 && err != nil || n > allowed
}
