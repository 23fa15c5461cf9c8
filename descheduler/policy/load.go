package policy

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// LoadFile reads a policy file; Load says how.
func LoadFile(path string, more ...Plugin) (*Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	p, err := Load(data, more...)
	if err != nil {
		return nil, fmt.Errorf("policy %s:\n%w", path, err)
	}
	return p, nil
}

// Load reads a policy, which may use the known plugins and more. It returns a valid
// policy with every default filled in, or an error with a line for each mistake.
func Load(data []byte, more ...Plugin) (*Policy, error) {
	root, errs, err := parse(data)
	if err != nil {
		return nil, err
	}
	if errs := checkHeader(root); len(errs) > 0 {
		return nil, joined(errs)
	}
	d := decoder{known: append(KnownPlugins(), more...), errs: errs}
	p := &Policy{}
	d.decode(nil, root, reflect.ValueOf(p).Elem())
	errs = d.errs
	for _, err := range validate(p, d.known) {
		if !consequence(err, d.errs) {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, joined(errs)
	}
	p.Warnings = warnings(p)
	setDefaults(p)
	return p, nil
}

// YAML returns the policy as a file that Load reads as the same policy. What is not
// limited, and only that, is left out.
func (p *Policy) YAML() ([]byte, error) {
	return yaml.Marshal(p)
}

// checkHeader checks that the file is a policy at all, for otherwise everything else in
// it would be an error too.
func checkHeader(root *node) field.ErrorList {
	var errs field.ErrorList
	version, kind := headerText(root, "apiVersion"), headerText(root, "kind")
	switch version {
	case APIVersion:
	case "descheduler/v1alpha1":
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), version, "is no longer read, neither here nor by the descheduler; "+
			"of each entry of strategies that is enabled, put the name under profiles[0].plugins.deschedule.enabled or balance.enabled, "+
			"and name and params as args under profiles[0].pluginConfig, with apiVersion: "+APIVersion))
	default:
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), version, []string{APIVersion}))
	}
	if kind != Kind {
		errs = append(errs, field.NotSupported(field.NewPath("kind"), kind, []string{Kind}))
	}
	return errs
}

func headerText(root *node, key string) string {
	if n := root.get(key); n != nil {
		return n.text
	}
	return ""
}

// consequence says whether an error only tells of one of those found before: of a
// value that could not be read, or of the whole of which it is a part.
func consequence(err *field.Error, before field.ErrorList) bool {
	return slices.ContainsFunc(before, func(b *field.Error) bool {
		return within(err.Field, b.Field) || err.Type == field.ErrorTypeRequired && within(b.Field, err.Field)
	})
}

// within says whether a path leads to or into another.
func within(path, other string) bool {
	rest, is := strings.CutPrefix(path, other)
	return is && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// joined returns one error of several lines, in the order found, none twice.
func joined(list field.ErrorList) error {
	var errs []error
	seen := map[string]bool{}
	for _, err := range list {
		if !seen[err.Error()] {
			seen[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
