package target

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// members are included and excluded names.
type members struct{ in, out map[string]bool }

// has says whether any of the names is included, and none is excluded. If none are included
// explicitly, all are. Nil includes all.
func (m *members) has(names ...string) bool {
	if m == nil {
		return true
	}
	included := len(m.in) == 0
	for _, name := range names {
		if m.out[name] {
			return false
		}
		included = included || m.in[name]
	}
	return included
}

// parseMembers parses a comma-separated list of names. ! in front excludes a name.
func parseMembers(text string, name func(string) (string, error)) (*members, error) {
	items, err := field.Text(text).Items()
	if err != nil {
		return nil, err
	}
	m := &members{in: map[string]bool{}, out: map[string]bool{}}
	for _, item := range items {
		rest, out := strings.CutPrefix(item, "!")
		known, err := name(strings.TrimSpace(rest))
		if err != nil {
			return nil, err
		}
		if out {
			m.out[known] = true
		} else {
			m.in[known] = true
		}
		if m.in[known] && m.out[known] {
			return nil, fmt.Errorf("%s is both included and excluded", known)
		}
	}
	return m, nil
}

func parseNamespaces(text string) (*members, error) { return parseMembers(text, parseNamespace) }

func parseNamespace(text string) (string, error) {
	if len(validation.IsDNS1123Label(text)) > 0 {
		return "", fmt.Errorf("%q is not a namespace name: must be up to 63 lower case letters, digits and dashes, with ! in front to exclude the namespace", text)
	}
	return text, nil
}

// The built-in kinds of owners. Bare pods count as Pod.
var knownKinds = []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "Pod", "Node"}

// otherKind matches the names of other kinds.
var otherKind = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

func parseKinds(text string) (*members, error) { return parseMembers(text, parseKind) }

// parseKind accepts the built-in kinds in any case, and other names only if they look like a kind
// and do not resemble a built-in one.
func parseKind(text string) (string, error) {
	for _, known := range knownKinds {
		if strings.EqualFold(text, known) {
			return known, nil
		}
	}
	near := spelling.DidYouMean(text, knownKinds)
	if near != "" || !otherKind.MatchString(text) {
		return "", fmt.Errorf("%q is not a kind of owner%s: must be %s, or another kind exactly as in owner references, such as Rollout, with ! in front to exclude the kind",
			text, near, strings.Join(knownKinds, ", "))
	}
	return text, nil
}

// parseSelector parses a label selector that is not empty.
func parseSelector(text string) (labels.Selector, error) {
	if strings.Trim(text, ", \t\r\n") == "" {
		return nil, fmt.Errorf("%q matches everything: omit it, or use a selector such as app=web,stage!=production", text)
	}
	selector, err := labels.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a selector such as app=web,stage!=production,tier in (a,b),!legacy: %w", text, err)
	}
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		if op := r.Operator(); (op == selection.NotEquals || op == selection.NotIn) && r.ValuesUnsorted()[0] == "" && len(r.ValuesUnsorted()) == 1 {
			return nil, fmt.Errorf("%q excludes no value of %s: set a value, or use %s or !%s to test whether the label exists", text, r.Key(), r.Key(), r.Key())
		}
	}
	return selector, nil
}

// names returns all names, in their order.
func (m *members) names() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(func(yield func(string) bool) {
		for _, some := range []map[string]bool{m.in, m.out} {
			for name := range some {
				if !yield(name) {
					return
				}
			}
		}
	})
}
