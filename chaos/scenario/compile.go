package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/spelling"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// minInterval is the shortest time between looks: shorter ones would load the cluster and
// find nothing out.
const minInterval = 100 * time.Millisecond

// scalable are the kinds that have replicas to set.
var scalable = []string{"Deployment", "ReplicaSet", "StatefulSet"}

func (l *loader) name(name string) {
	if name == "" {
		l.fail("metadata.name", "is required: the name of the scenario")
		return
	}
	for _, problem := range validation.IsDNS1123Label(name) {
		l.fail("metadata.name", "%q is invalid: %s", name, problem)
	}
}

// repeat checks a repetition; without one something is done once.
func (l *loader) repeat(path string, r *Repeat) Repeat {
	if r == nil {
		return Repeat{Times: 1}
	}
	if r.Times < 1 {
		l.fail(strict.Child(path, "times"), "must be 1 or more, not %d", r.Times)
	}
	if r.MaxPause.Duration > 0 && r.MaxPause.Duration < r.MinPause.Duration {
		l.fail(strict.Child(path, "maxPause"), "must be at least minPause, %v", r.MinPause.Duration)
	}
	return *r
}

func (l *loader) objectives(o *Objectives) {
	const path = "spec.objectives."
	if m := o.MinAvailability; m != nil {
		if err := field.CheckShare(*m, 1); err != nil {
			l.fail(path+"minAvailability", "%v; omit it for no objective", err)
		}
	}
	if o.MaxRecovery != nil && o.MaxRecovery.Duration <= 0 {
		l.fail(path+"maxRecovery", "must be more than 0; omit it for no objective")
	}
	given := l.root.Get("spec").Get("objectives").Has("recoveryPercentile")
	switch {
	case !given && o.MaxRecovery != nil:
		o.RecoveryPercentile = 100
	case given && (o.RecoveryPercentile <= 0 || o.RecoveryPercentile > 100):
		l.fail(path+"recoveryPercentile", "must be more than 0 and at most 100")
	case given && o.MaxRecovery == nil:
		l.fail(path+"recoveryPercentile", "has no effect without maxRecovery")
	}
	if o.MaxUnrecovered != nil && *o.MaxUnrecovered < 0 {
		l.fail(path+"maxUnrecovered", "must be 0 or more, not %d", *o.MaxUnrecovered)
	}
}

func (l *loader) steadyState(s *SteadyState, from *steadyState) {
	const path = "spec.steadyState.probes"
	if from.Interval != (metav1.Duration{}) {
		s.Interval = from.Interval.Duration
		if s.Interval < minInterval {
			l.fail("spec.steadyState.interval", "must be %v or more, not %v", minInterval, s.Interval)
		}
	}
	if len(from.Probes) == 0 {
		l.fail(path, "at least one probe is required; omit steadyState for none")
	}
	names := map[string]string{}
	for i, n := range from.Probes {
		at := strict.Index(path, i)
		check := l.check(at, n)
		if check.Name != "" {
			l.unique(at, check.Name, names)
		}
		s.Checks = append(s.Checks, check)
	}
}

// check makes a probe of the steady state.
func (l *loader) check(path string, n *strict.Node) steady.Check {
	var fields probeFields
	rest, known := l.d.DecodeFields(path, n, &fields)
	check := steady.Check{Name: fields.Name, Timeout: fields.Timeout.Duration, FailureThreshold: 1}
	if fields.FailureThreshold != nil {
		check.FailureThreshold = *fields.FailureThreshold
		if check.FailureThreshold < 1 {
			l.fail(strict.Child(path, "failureThreshold"), "must be 1 or more, not %d", check.FailureThreshold)
		}
	}
	l.probe(path, n, rest, known, &check)
	return check
}

// probe makes what a check looks with, and gives it its name where it has none.
func (l *loader) probe(path string, n *strict.Node, rest []strict.Entry, known []string, check *steady.Check) {
	e := l.only(path, n, rest, known, slices.Sorted(maps.Keys(l.probes)), "probe")
	if e == nil {
		return
	}
	if check.Name == "" {
		check.Name = e.Key
	}
	at := strict.Child(path, e.Key)
	if data, given := l.arguments(at, e); given {
		made, err := l.probes[e.Key].New(data)
		if err != nil {
			l.refused(at, e, err)
		}
		check.Probe = made
	}
}

// step makes a step.
func (l *loader) step(path string, i int, n *strict.Node) Step {
	var fields stepFields
	rest, known := l.d.DecodeFields(path, n, &fields)
	step := Step{Name: fields.Name, Probability: 1, Repeat: l.repeat(strict.Child(path, "repeat"), fields.Repeat)}
	if fields.Probability != nil {
		step.Probability = *fields.Probability
		if step.Probability <= 0 || step.Probability > 1 {
			l.fail(strict.Child(path, "probability"), "must be more than 0 and at most 1, not %v", step.Probability)
		}
	}
	e := l.only(path, n, rest, known, l.actions, "action")
	if e == nil {
		e = &strict.Entry{Value: &strict.Node{Kind: strict.Null}}
	}
	step.Kind = e.Key
	if step.Name == "" {
		step.Name = strings.TrimSuffix(fmt.Sprintf("%d-%s", i+1, step.Kind), "-")
	}
	if step.Kind != "" {
		step.Arguments = e.Value.JSON()
		l.action(strict.Child(path, e.Key), e, &step)
	}
	return step
}

// action makes what a step does.
func (l *loader) action(path string, e *strict.Entry, step *Step) {
	switch step.Kind {
	case KindWait:
		var wait metav1.Duration
		l.d.Decode(path, e.Value, &wait)
		step.Wait = wait.Duration
		if step.Wait <= 0 {
			l.fail(path, "must be more than 0, not %v", step.Wait)
		}
	case KindProbe:
		var fields probeStepFields
		rest, known := l.d.DecodeFields(path, e.Value, &fields)
		step.Probe = &steady.Check{Name: step.Name, Timeout: fields.Timeout.Duration, FailureThreshold: 1}
		step.Within = fields.Within.Duration
		l.probe(path, e.Value, rest, known, step.Probe)
	case KindScale:
		var fields scaleFields
		l.d.Decode(path, e.Value, &fields)
		step.Scale = l.scale(path, e, fields)
	case KindAwaitRecovery:
		fields := awaitRecoveryFields{Timeout: metav1.Duration{Duration: DefaultRecoveryTimeout}}
		l.d.Decode(path, e.Value, &fields)
		step.AwaitRecovery = fields.Timeout.Duration
	default:
		if data, given := l.arguments(path, e); given {
			made, err := l.faults[step.Kind].New(data)
			if err != nil {
				l.refused(path, e, err)
			}
			step.Fault = made
		}
	}
}

func (l *loader) scale(path string, e *strict.Entry, fields scaleFields) *Scale {
	s := &Scale{Kind: fields.Kind, Namespace: fields.Namespace, Name: fields.Name}
	if e.Value.Kind != strict.Map {
		return s // has been reported
	}
	if !slices.Contains(scalable, s.Kind) {
		l.fail(strict.Child(path, "kind"), "must be one of %s, not %q%s", strict.OneOf(scalable), s.Kind, spelling.DidYouMean(s.Kind, scalable))
	}
	for _, required := range []struct{ name, value string }{{"namespace", s.Namespace}, {"name", s.Name}} {
		if required.value == "" {
			l.fail(strict.Child(path, required.name), "is required")
		}
	}
	switch at := strict.Child(path, "replicas"); {
	case fields.Replicas == nil:
		l.fail(at, "is required")
	case *fields.Replicas < 0:
		l.fail(at, "must be 0 or more, not %d", *fields.Replicas)
	default:
		s.Replicas = *fields.Replicas
	}
	return s
}
