package policy

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/strict"
)

// LoadFile reads a policy file, see Load. Errors name the file and the line.
func LoadFile(path string, more ...Plugin) (*Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	p, err := Load(data, more...)
	if errs, is := errors.AsType[strict.Errors](err); is {
		return nil, errs.In(path)
	}
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", path, err)
	}
	return p, nil
}

// Load reads a policy, which may use the known plugins and more. It returns a valid policy with
// all defaults, or an error with a line for each mistake.
func Load(data []byte, more ...Plugin) (*Policy, error) {
	root, errs, err := parse(data)
	if err != nil {
		return nil, err
	}
	if errs := checkHeader(root); len(errs) > 0 {
		return nil, located(errs, root)
	}
	known := registry(append(KnownPlugins(), more...))
	p, errs := decode(root, known, errs)
	found := validate(p, known)
	found = slices.DeleteFunc(found, func(err *field.Error) bool { return consequence(err, errs) })
	if errs = append(errs, located(found, root)...); len(errs) > 0 {
		return nil, errs
	}
	p.Warnings = warnings(p)
	setDefaults(p)
	return p, nil
}

// YAML returns the policy as a file that Load reads as the same policy. It omits only limits
// that are not set.
func (p *Policy) YAML() ([]byte, error) {
	return yaml.Marshal(p)
}

// checkHeader checks that the file is a policy. If not, everything else in it would be an
// error, too.
func checkHeader(root *strict.Node) field.ErrorList {
	var errs field.ErrorList
	version, kind := headerText(root, "apiVersion"), headerText(root, "kind")
	switch version {
	case APIVersion:
	case "descheduler/v1alpha1":
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), version, "is no longer supported, neither here nor by the upstream descheduler; "+
			"for each enabled entry of strategies, put the name under profiles[0].plugins.deschedule.enabled or balance.enabled, "+
			"and name and params as args under profiles[0].pluginConfig, with apiVersion: "+APIVersion))
	default:
		errs = append(errs, field.NotSupported(field.NewPath("apiVersion"), version, []string{APIVersion}))
	}
	if kind != Kind {
		errs = append(errs, field.NotSupported(field.NewPath("kind"), kind, []string{Kind}))
	}
	return errs
}

func headerText(root *strict.Node, key string) string {
	n := root.Get(key)
	if n == nil || n.Kind == strict.Null {
		return ""
	}
	if text, is := n.Value.(string); is {
		return text
	}
	return string(n.JSON())
}
