package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// Frame is what a scenario has beside its steps.
type Frame struct {
	Seed    *draw.Seed
	Timeout time.Duration
	// SteadyState is the field of that name, as JSON; nothing for none.
	SteadyState json.RawMessage
	Objectives  Objectives
}

// Of returns the scenario of a command: that of one step, named like the command, which is
// a kind of step. The arguments are whatever is its arguments in JSON. Mistakes in these are
// named from there: labels, not spec.steps[0].evict.labels.
func Of(kind string, arguments any, frame Frame, faults []fault.Plugin, probes []steady.Plugin) (*Scenario, error) {
	in := map[string]any{"steps": []any{map[string]any{"name": kind, kind: arguments}}}
	if frame.Seed != nil {
		in["seed"] = frame.Seed.String()
	}
	if frame.Timeout != 0 {
		in["timeout"] = metav1.Duration{Duration: frame.Timeout}
	}
	if len(frame.SteadyState) > 0 {
		in["steadyState"] = frame.SteadyState
	}
	if frame.Objectives != (Objectives{}) {
		in["objectives"] = frame.Objectives
	}
	data, err := json.Marshal(map[string]any{
		"apiVersion": APIVersion, "kind": Kind, "metadata": map[string]any{"name": strings.ToLower(kind)}, "spec": in,
	})
	if err != nil {
		return nil, fmt.Errorf("making the scenario of %s: %w", kind, err)
	}
	s, err := Parse(data, faults, probes)
	if errs, is := errors.AsType[strict.Errors](err); is {
		return nil, errs.Below("spec.steps[0]." + kind)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return s, nil
}
