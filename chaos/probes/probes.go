// Package probes contains the built-in probes: the availability of workloads, HTTP endpoints,
// Prometheus queries, pending pods, and PodDisruptionBudgets.
package probes

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// All returns all built-in probes.
func All() []steady.Plugin {
	return []steady.Plugin{
		plugin("workloads", "every selected workload has enough ready pods", newWorkloads),
		plugin("http", "a URL returns the expected response", newHTTP),
		plugin("promql", "every result of a Prometheus query meets a condition", newPromQL),
		plugin("pendingPods", "the number of pending pods is within a limit", newPendingPods),
		plugin("budgets", "every PodDisruptionBudget has enough healthy pods", newBudgets),
	}
}

// plugin returns the plugin whose arguments are of type A, with their schema.
func plugin[A any](name, short string, build func(args A, fail failure) steady.Probe) steady.Plugin {
	return steady.Plugin{
		Name: name, Short: short, Schema: schemaOf[A](),
		New: func(arguments []byte) (steady.Probe, error) {
			var args A
			if err := strict.Unmarshal(arguments, &args); err != nil {
				return nil, err
			}
			var errs strict.Errors
			probe := build(args, func(field, format string, values ...any) {
				errs = append(errs, strict.Error{Path: field, Message: fmt.Sprintf(format, values...)})
			})
			if len(errs) > 0 {
				return nil, errs
			}
			return probe, nil
		},
	}
}

// failure records what is wrong with a field of the arguments.
type failure func(field, format string, values ...any)

// schemaOf returns the schema of arguments. That it can, for every plugin, a test shows.
func schemaOf[A any]() json.RawMessage {
	var args A
	fragment, err := schema.Of(args)
	if err != nil {
		return nil
	}
	return fragment
}

// inNamespaces are arguments that select namespaces by name.
type inNamespaces struct {
	Namespaces []string `json:"namespaces,omitempty" doc:"the namespaces to check. Default: all" schema:"minItems=1"`
}

func (in inNamespaces) validate(fail failure) {
	if in.Namespaces != nil && len(in.Namespaces) == 0 {
		fail("namespaces", "is empty: omit it for all namespaces")
	}
	for i, name := range in.Namespaces {
		for _, problem := range validation.IsDNS1123Label(name) {
			fail(strict.Index("namespaces", i), "%q is not a namespace name: %s", name, problem)
		}
	}
}

// has says whether the namespace is selected.
func (in inNamespaces) has(namespace string) bool {
	if in.Namespaces == nil {
		return true
	}
	for _, name := range in.Namespaces {
		if name == namespace {
			return true
		}
	}
	return false
}

// missing returns the namespaces that are selected and that there are none of.
func (in inNamespaces) missing(s *cluster.Snapshot) []string {
	there := sets.New[string]()
	for _, namespace := range s.Namespaces {
		there.Insert(namespace.Name)
	}
	return absent(in.Namespaces, there)
}

// absent returns the names that are not among those that there are.
func absent(names []string, there sets.Set[string]) []string {
	var missing []string
	for _, name := range names {
		if !there.Has(name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// nothing is what a probe sees that finds nothing to look at.
func nothing(format string, values ...any) steady.Observation {
	return steady.Observation{Nothing: true, Message: fmt.Sprintf(format, values...)}
}

// summary lists what is wrong, but not without end.
func summary(all []string) string {
	const shown = 3
	return strings.Join(report.FirstOf(all, shown), "; ")
}

// address reads the URL of something to ask.
func address(text, field, example string, fail failure) *url.URL {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		// The text is not shown: a URL may hold a secret.
		fail(field, "must be a URL with http or https, such as %s", example)
	case u.User != nil:
		fail(field, "must not contain a user and password, because the journal contains the URL; use bearerTokenFile")
	}
	return u
}
