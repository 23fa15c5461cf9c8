package faults

import (
	"context"
	"math"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/calendar"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/target"
)

// Evict are the arguments of the fault evict: which pods, how many, how often, and when not.
type Evict struct {
	target.Pods
	calendar.Calendar

	MaxKill field.Number `json:"maxKill,omitempty" doc:"the maximum number of pods to remove at once, from different workloads. Default: 1" schema:"minimum=1"`
	// IncludeDegraded includes pods that their workloads cannot spare.
	IncludeDegraded bool `json:"includeDegraded,omitempty" doc:"include pods of workloads without a budget that still wait for a replacement of a removed pod, and their last ready pods"`

	Mode  field.Text       `json:"mode,omitempty" doc:"evict: within budgets; delete: ignore budgets. Default: evict" schema:"enum=evict|delete"`
	Grace *metav1.Duration `json:"gracePeriod,omitempty" doc:"the grace period for pods to terminate, in whole seconds. Default: that of each pod"`

	Interval   metav1.Duration `json:"interval,omitzero" doc:"the time between draws. If it is not set, there is one draw"`
	Times      field.Number    `json:"times,omitempty" doc:"the number of draws. Default: unlimited" schema:"minimum=1"`
	MaxRuntime metav1.Duration `json:"maxRuntime,omitzero" doc:"no more draws after this time"`
}

// most is the maximum number of pods or draws.
const most = math.MaxInt32

// evict removes random pods.
type evict struct {
	args      Evict
	selection *target.Selection
	calendar  *calendar.Exclusions
	how       assess.How
	grace     *int64
}

var _ interface {
	fault.Repeated
	fault.Checked
} = &evict{}

func (e Evict) fault() (fault.Fault, error) {
	f := &evict{args: e}
	var err1, err2, err3, err4 error
	f.selection, err1 = e.Pods.Compile()
	f.calendar, err2 = e.Calendar.Compile()
	mode, err3 := oneOf("mode", e.Mode, string(assess.Evict), string(assess.Delete))
	f.how = assess.How(mode)
	f.grace, err4 = seconds("gracePeriod", e.Grace)
	errs := []error{err1, err2, err3, err4, within("maxKill", e.MaxKill), within("times", e.Times)}
	if e.Interval.Duration == 0 {
		if e.Times > 1 {
			errs = append(errs, field.Errorf("interval", "is required for more than one draw"))
		}
		if e.MaxRuntime.Duration > 0 {
			errs = append(errs, field.Errorf("interval", "is required with maxRuntime"))
		}
	}
	return checked(f, errs...)
}

// within checks a number.
func within(name string, n field.Number) error {
	if err := n.Check(most); err != nil {
		return &field.Error{Field: name, Err: err}
	}
	return nil
}

// Check implements fault.Checked.
func (e *evict) Check(picture *target.Picture) error { return e.selection.Check(picture) }

// Ticks implements fault.Repeated.
func (e *evict) Ticks() (times int, interval time.Duration) {
	interval = e.args.Interval.Duration
	if interval == 0 {
		return 1, 0
	}
	times = int(e.args.Times)
	if runtime := e.args.MaxRuntime.Duration; runtime > 0 {
		// The first draw is immediate. A draw at the end of maxRuntime no longer happens.
		fit := int(min((runtime-1)/interval+1, most))
		if times == 0 || fit < times {
			times = fit
		}
	}
	return times, interval
}

// Excluded implements fault.Repeated.
func (e *evict) Excluded(now time.Time) (bool, string) { return e.calendar.Excluded(now) }

// Choose implements fault.Fault.
func (e *evict) Choose(picture *target.Picture, seed draw.Seed) (*fault.Choice, error) {
	selected := e.selection.Pods(picture)
	if !e.args.IncludeDegraded {
		selected = target.NewSpare(picture, e.how == assess.Evict).Of(selected, false)
	}
	return &fault.Choice{
		How: e.how, Candidates: len(selected.Pods), Excluded: selected.Excluded,
		Pods: target.Draw(seed, selected.Pods, max(1, int(e.args.MaxKill))),
	}, nil
}

// Inject implements fault.Fault.
func (e *evict) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	_, _, err := env.Remove(ctx, choice.Pods, choice.How, e.grace)
	return err
}
