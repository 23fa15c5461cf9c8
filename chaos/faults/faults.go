// Package faults holds the faults that come with the program: evict, node, zone, spot and
// latency. None of them evicts or changes anything by itself: what they do goes through
// fault.Env.
package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/spelling"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// All returns all faults. The recognizer tells preemptible nodes.
func All(recognizer preemptible.Recognizer) []fault.Plugin {
	return []fault.Plugin{
		plugin("evict", "evicts or deletes random pods, at most one of each workload at once", Evict.fault),
		plugin("node", "drains nodes, or takes them down", func(n Node) (fault.Fault, error) { return n.fault(recognizer) }),
		plugin("zone", "drains the nodes of a zone, or takes them down", func(z Zone) (fault.Fault, error) { return z.fault(recognizer) }),
		plugin("spot", "takes back preemptible nodes, after notice", func(s Spot) (fault.Fault, error) { return s.fault(recognizer) }),
		plugin("latency", "delays the network of random pods", Latency.fault),
	}
}

// plugin returns the plugin whose arguments are of type A.
func plugin[A any](name, short string, build func(A) (fault.Fault, error)) fault.Plugin {
	return fault.Plugin{
		Name: name, Short: short, Schema: schemaOf[A](),
		New: func(arguments []byte) (fault.Fault, error) {
			var args A
			if err := strict.Unmarshal(arguments, &args); err != nil {
				return nil, err
			}
			return build(args)
		},
	}
}

// schemaOf returns the schema of arguments. That it can, for every plugin, a test shows.
func schemaOf[A any]() json.RawMessage {
	var args A
	fragment, err := schema.Of(args)
	if err != nil {
		return nil
	}
	return fragment
}

// oneOf checks that a text that is given is one of those allowed, and returns it, or the
// first of them.
func oneOf(name string, text field.Text, allowed ...string) (string, error) {
	if text == "" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, string(text)) {
		return "", field.Errorf(name, "%q must be one of %s%s", string(text), strings.Join(allowed, ", "), spelling.DidYouMean(string(text), allowed))
	}
	return string(text), nil
}

// seconds returns a grace period in seconds, of which it must be a whole number; nil where
// none is given.
func seconds(name string, d *metav1.Duration) (*int64, error) {
	switch {
	case d == nil:
		return nil, nil
	case d.Duration%time.Second != 0:
		return nil, field.Errorf(name, "%s must be whole seconds, from 0s: leave it out for the pods' own", d.Duration)
	}
	n := int64(d.Duration / time.Second)
	return &n, nil
}

// checked returns the fault, unless there are errors.
func checked[F fault.Fault](f F, errs ...error) (fault.Fault, error) {
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return f, nil
}

// plural returns a number with what it counts.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
