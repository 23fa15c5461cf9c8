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

// members are names that are asked for, and names that are not to be there.
type members struct{ in, out map[string]bool }

// has says whether any of the names is asked for, and none of them is not to be there.
// Where none is asked for, all are. Nil has all.
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

// parseMembers reads a comma list of names, with ! before those that are not to be there.
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
			return nil, fmt.Errorf("%s is asked for, and excluded", known)
		}
	}
	return m, nil
}

func parseNamespaces(text string) (*members, error) { return parseMembers(text, parseNamespace) }

func parseNamespace(text string) (string, error) {
	if len(validation.IsDNS1123Label(text)) > 0 {
		return "", fmt.Errorf("%q is no namespace's name: that is up to 63 lower case letters, digits and dashes, and in a list ! before it excludes it", text)
	}
	return text, nil
}

// The kinds of owners that Kubernetes has itself; bare pods count as Pod.
var knownKinds = []string{"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicationController", "Pod", "Node"}

// otherKind is how kinds that others have defined are spelt.
var otherKind = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

func parseKinds(text string) (*members, error) { return parseMembers(text, parseKind) }

// parseKind takes the known kinds in any case, and other names only where they are spelt
// as a kind is, and are not near to a known one.
func parseKind(text string) (string, error) {
	for _, known := range knownKinds {
		if strings.EqualFold(text, known) {
			return known, nil
		}
	}
	near := spelling.DidYouMean(text, knownKinds)
	if near != "" || !otherKind.MatchString(text) {
		return "", fmt.Errorf("%q is no kind of owner%s: allowed are %s, others spelt exactly as in owner references, such as Rollout, and ! before each to exclude it",
			text, near, strings.Join(knownKinds, ", "))
	}
	return text, nil
}

// parseSelector reads a label selector that says something.
func parseSelector(text string) (labels.Selector, error) {
	if strings.Trim(text, ", \t\r\n") == "" {
		return nil, fmt.Errorf("%q would match everything: leave it out, or give it a selector such as app=web,stage!=production", text)
	}
	selector, err := labels.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%q is no selector such as app=web,stage!=production,tier in (a,b),!legacy: %w", text, err)
	}
	requirements, _ := selector.Requirements()
	for _, r := range requirements {
		if op := r.Operator(); (op == selection.NotEquals || op == selection.NotIn) && r.ValuesUnsorted()[0] == "" && len(r.ValuesUnsorted()) == 1 {
			return nil, fmt.Errorf("%q excludes no value of %s: name the value, or use %s or !%s for whether it is there", text, r.Key(), r.Key(), r.Key())
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
