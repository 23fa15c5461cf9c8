package scenario

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// Load reads a scenario file. The error has a line for each mistake, with file, line and field.
func Load(path string, faults []fault.Plugin, probes []steady.Plugin) (*Scenario, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the scenario: %w", err)
	}
	s, err := Parse(data, faults, probes)
	if errs, is := errors.AsType[strict.Errors](err); is {
		return nil, errs.In(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Parse parses a scenario in YAML or JSON. Mistakes are strict.Errors.
func Parse(data []byte, faults []fault.Plugin, probes []steady.Plugin) (*Scenario, error) {
	l, err := newLoader(faults, probes)
	if err != nil {
		return nil, err
	}
	root, err := strict.Parse(data, strict.Plain)
	if root == nil {
		return nil, fmt.Errorf("not a scenario, which starts with apiVersion: %s: %w", APIVersion, err)
	}
	if errs, is := errors.AsType[strict.Errors](err); is {
		l.d.Errors = errs
	}
	if !l.header(root) {
		return nil, l.d.Errors
	}
	var f file
	l.d.Decode("", root, &f)
	s := l.compile(root, &f)
	if len(l.d.Errors) > 0 {
		return nil, l.d.Errors
	}
	s.json = root.JSON()
	return s, nil
}

// loader reads one scenario.
type loader struct {
	d      strict.Decoder
	faults map[string]fault.Plugin
	probes map[string]steady.Plugin
	// actions are the names of all that a step can do.
	actions []string
	root    *strict.Node
}

func newLoader(faults []fault.Plugin, probes []steady.Plugin) (*loader, error) {
	l := &loader{faults: map[string]fault.Plugin{}, probes: map[string]steady.Plugin{}, actions: []string{KindWait, KindProbe, KindScale, KindAwaitRecovery}}
	// A plugin that hides a field would take a safety option away.
	taken := sets.New("name", "probability", "repeat").Insert(l.actions...)
	for _, plugin := range faults {
		if taken.Has(plugin.Name) {
			return nil, fmt.Errorf("a fault cannot be named %q: the name is already in use", plugin.Name)
		}
		taken.Insert(plugin.Name)
		l.faults[plugin.Name] = plugin
		l.actions = append(l.actions, plugin.Name)
	}
	taken = sets.New("name", "failureThreshold", "timeout", "within")
	for _, plugin := range probes {
		if taken.Has(plugin.Name) {
			return nil, fmt.Errorf("a probe cannot be named %q: the name is already in use", plugin.Name)
		}
		taken.Insert(plugin.Name)
		l.probes[plugin.Name] = plugin
	}
	return l, nil
}

// header checks that the file is a scenario at all, for otherwise everything else in it
// would be an error too.
func (l *loader) header(root *strict.Node) bool {
	right := true
	for _, want := range []struct{ field, value string }{{"apiVersion", APIVersion}, {"kind", Kind}} {
		n := root.Get(want.field)
		switch {
		case n == nil:
			l.d.Fail(want.field, root.Line, "is required: %s", want.value)
		case n.Value != want.value:
			l.d.Fail(want.field, n.Line, "must be %s, not %s", want.value, n.JSON())
		default:
			continue
		}
		right = false
	}
	return right
}

// compile checks what the types do not, and makes the faults and probes. It fails where
// they cannot be made.
func (l *loader) compile(root *strict.Node, f *file) *Scenario {
	l.root = root
	s := &Scenario{
		Name: f.Metadata.Name, Description: f.Spec.Description, Seed: (*draw.Seed)(f.Spec.Seed), Timeout: f.Spec.Timeout.Duration,
		SteadyState: SteadyState{Interval: steady.DefaultInterval}, Objectives: f.Spec.Objectives, Repeat: l.repeat("spec.repeat", f.Spec.Repeat),
	}
	l.name(s.Name)
	l.objectives(&s.Objectives)
	if f.Spec.SteadyState != nil {
		l.steadyState(&s.SteadyState, f.Spec.SteadyState)
	}
	if len(f.Spec.Steps) == 0 {
		l.fail("spec.steps", "at least one step is required")
	}
	names := map[string]string{}
	for i, n := range f.Spec.Steps {
		path := strict.Index("spec.steps", i)
		step := l.step(path, i, n)
		l.unique(path, step.Name, names)
		s.Steps = append(s.Steps, step)
	}
	return s
}

// fail records a mistake, with the line of its field. Of a field that could not be read,
// the value is only what is left of it.
func (l *loader) fail(path, format string, args ...any) {
	if !slices.ContainsFunc(l.d.Errors, func(e strict.Error) bool { return e.Path == path }) {
		l.d.Fail(path, l.root.LineOf(path), format, args...)
	}
}

// unique records a name that something else has.
func (l *loader) unique(path, name string, names map[string]string) {
	if before, taken := names[name]; taken {
		l.fail(strict.Child(path, "name"), "%q is also the name of %s", name, before)
		return
	}
	names[name] = path
}

// only returns the one entry that says what a step does or a probe looks at. Others are
// mistakes, and so is none.
func (l *loader) only(path string, n *strict.Node, rest []strict.Entry, known, names []string, what string) *strict.Entry {
	if n.Kind != strict.Map {
		return nil // has been reported
	}
	var found []strict.Entry
	for _, e := range rest {
		if slices.Contains(names, e.Key) {
			found = append(found, e)
			continue
		}
		l.d.Unknown(path, e, slices.Concat(names, known))
	}
	if len(found) == 1 {
		return &found[0]
	}
	if len(found) > 1 {
		var keys []string
		for _, e := range found {
			keys = append(keys, e.Key)
		}
		l.d.Fail(path, n.Line, "has %s; exactly one %s is allowed", strings.Join(keys, " and "), what)
	} else if len(rest) == 0 {
		l.d.Fail(path, n.Line, "has no %s: exactly one of %s is required", what, strict.OneOf(names))
	}
	return nil
}

// arguments returns the arguments of a plugin as JSON.
func (l *loader) arguments(path string, e *strict.Entry) (data []byte, given bool) {
	if e.Value.Kind != strict.Map {
		l.d.Fail(path, e.Line, "must be a map of arguments, or {} for none, not %s", e.Value.Kind)
		return nil, false
	}
	return e.Value.JSON(), true
}

// refused records what a plugin says about its arguments: each mistake by itself where it
// tells them apart.
func (l *loader) refused(path string, e *strict.Entry, err error) {
	var all strict.Errors
	switch err := err.(type) {
	case strict.Errors:
		all = err
	case interface{ Unwrap() []error }: // errors.Join
		for _, part := range err.Unwrap() {
			l.refused(path, e, part)
		}
		return
	case *field.Error:
		all = strict.Errors{{Path: err.Field, Message: err.Err.Error()}}
	default:
		all = strict.Errors{{Message: err.Error()}}
	}
	for _, mistake := range all {
		line := e.Line
		at := path
		if mistake.Path != "" {
			at = joined(path, mistake.Path)
			line = e.Value.LineOf(mistake.Path)
		}
		l.d.Fail(at, line, "%s", mistake.Message)
	}
}

// joined returns the path of something below another path.
func joined(path, below string) string {
	if strings.HasPrefix(below, "[") {
		return path + below
	}
	return path + "." + below
}
