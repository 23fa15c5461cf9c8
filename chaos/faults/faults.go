// Package faults contains the built-in faults: evict, node, zone, spot and latency. They act only
// through fault.Env.
package faults

import (
	"encoding/json"
	"errors"
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

// All returns all faults. The recognizer recognizes preemptible nodes.
func All(recognizer preemptible.Recognizer) []fault.Plugin {
	return []fault.Plugin{
		plugin("evict", "evicts or deletes random pods, at most one per workload at a time", Evict.fault),
		plugin("node", "drains nodes, or takes them down", func(n Node) (fault.Fault, error) { return n.fault(recognizer) }),
		plugin("zone", "drains the nodes of a zone, or takes them down", func(z Zone) (fault.Fault, error) { return z.fault(recognizer) }),
		plugin("spot", "reclaims preemptible nodes, after a notice", func(s Spot) (fault.Fault, error) { return s.fault(recognizer) }),
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

// schemaOf returns the schema of arguments. A test ensures that this works for every plugin.
func schemaOf[A any]() json.RawMessage {
	var args A
	fragment, err := schema.Of(args)
	if err != nil {
		return nil
	}
	return fragment
}

// oneOf checks that a text has one of the allowed values, and returns it, or the first of them if
// it is not set.
func oneOf(name string, text field.Text, allowed ...string) (string, error) {
	if text == "" {
		return allowed[0], nil
	}
	if !slices.Contains(allowed, string(text)) {
		return "", field.Errorf(name, "%q must be one of %s%s", string(text), strings.Join(allowed, ", "), spelling.DidYouMean(string(text), allowed))
	}
	return string(text), nil
}

// seconds returns a grace period in whole seconds; nil if it is not set.
func seconds(name string, d *metav1.Duration) (*int64, error) {
	switch {
	case d == nil:
		return nil, nil
	case d.Duration%time.Second != 0:
		return nil, field.Errorf(name, "%s must be a whole number of seconds, from 0s; omit it to use the grace period of each pod", d.Duration)
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
