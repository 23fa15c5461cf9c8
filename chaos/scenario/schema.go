package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/steady"
)

// SchemaID names the schema. Nothing is served there.
const SchemaID = "https://chaos.stowage.dev/v1alpha1/scenario.schema.json"

// Schema returns a JSON schema, draft 2020-12, of scenarios with these plugins, for editors
// and for CI. Load checks more: names that are to differ, times that are to fit together.
func Schema(faults []fault.Plugin, probes []steady.Plugin) ([]byte, error) {
	b := builder{definitions: schema.Object{}}
	b.probes(probes)
	b.define("stepProbe", b.exactlyOne(probeStepFields{}, b.looks(probes)))
	b.define("step", b.exactlyOne(stepFields{}, b.actions(faults)))
	b.define("spec", b.spec())
	metadata := b.of(metadata{})
	if b.err != nil {
		return nil, b.err
	}
	document := schema.Object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SchemaID,
		"title": "A scenario of stowage-chaos", "type": "object", "additionalProperties": false,
		"required": []string{"apiVersion", "kind", "metadata", "spec"},
		"properties": schema.Object{
			"apiVersion": schema.Object{"const": APIVersion}, "kind": schema.Object{"const": Kind},
			"metadata": metadata, "spec": ref("spec"),
		},
		"$defs": b.definitions,
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the schema: %w", err)
	}
	return append(data, '\n'), nil
}

// builder collects definitions, and the first thing that went wrong.
type builder struct {
	definitions schema.Object
	err         error
}

func ref(name string) schema.Object { return schema.Object{"$ref": "#/$defs/" + name} }

func (b *builder) define(name string, s schema.Object) { b.definitions[name] = s }

func (b *builder) of(v any) schema.Object {
	s, err := schema.ObjectOf(v)
	if err != nil {
		b.err = errors.Join(b.err, err)
		return schema.Object{}
	}
	return s
}

// exactlyOne returns the schema of the fields together with exactly one of the choices.
func (b *builder) exactlyOne(fields any, choices map[string]schema.Object) schema.Object {
	s := b.of(fields)
	properties, is := s["properties"].(schema.Object)
	if !is {
		return s // something went wrong
	}
	names := make([]string, 0, len(choices))
	for name, choice := range choices {
		properties[name] = choice
		names = append(names, name)
	}
	slices.Sort(names)
	one := make([]schema.Object, 0, len(names))
	for _, name := range names {
		one = append(one, schema.Object{"required": []string{name}})
	}
	s["oneOf"] = one
	return s
}

// plugin defines the arguments of a plugin, and returns the schema that refers to them.
func (b *builder) plugin(name, short string, fragment json.RawMessage) schema.Object {
	arguments := schema.Object{"type": "object"}
	if fragment != nil {
		if err := json.Unmarshal(fragment, &arguments); err != nil {
			b.err = errors.Join(b.err, fmt.Errorf("the schema of %s: %w", name, err))
		}
	}
	b.define(name, arguments)
	s := ref(name)
	s["description"] = short
	return s
}

// looks returns the schemas of what probes look at, by name.
func (b *builder) looks(probes []steady.Plugin) map[string]schema.Object {
	looks := map[string]schema.Object{}
	for _, p := range probes {
		looks[p.Name] = b.plugin("probe."+p.Name, p.Short, p.Schema)
	}
	return looks
}

func (b *builder) probes(probes []steady.Plugin) {
	b.define("probe", b.exactlyOne(probeFields{}, b.looks(probes)))
}

// actions returns the schemas of what steps do, by name.
func (b *builder) actions(faults []fault.Plugin) map[string]schema.Object {
	described := func(s schema.Object, text string) schema.Object {
		s["description"] = text
		return s
	}
	actions := map[string]schema.Object{
		KindWait:          described(b.of(metav1.Duration{}), "waits for a duration"),
		KindProbe:         described(ref("stepProbe"), "checks a probe, and ends the run if it fails"),
		KindScale:         described(b.of(scaleFields{}), "sets the replicas of a workload"),
		KindAwaitRecovery: described(b.of(awaitRecoveryFields{}), "waits until every lost pod has a ready replacement"),
	}
	for _, f := range faults {
		actions[f.Name] = b.plugin("fault."+f.Name, f.Short, f.Schema)
	}
	return actions
}

func (b *builder) spec() schema.Object {
	s := b.of(specFields{})
	properties, is := s["properties"].(schema.Object)
	if !is {
		return s // something went wrong
	}
	steadyState := b.of(steadyStateFields{})
	if looks, is := steadyState["properties"].(schema.Object); is {
		looks["probes"] = schema.Object{"type": "array", "minItems": 1, "items": ref("probe")}
	}
	steadyState["description"], steadyState["required"] = "the conditions that must hold before, during and after the run", []string{"probes"}
	properties["steadyState"] = steadyState
	properties["steps"] = schema.Object{"description": "the steps of the run, in this order", "type": "array", "minItems": 1, "items": ref("step")}
	s["required"] = []string{"steps"}
	return s
}
