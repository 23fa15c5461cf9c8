// Package schema derives JSON schemas (draft 2020-12) from Go types, so that what an editor
// checks and what is read cannot drift apart.
//
// The names are those of the json tags. Two more tags say what types do not:
//
//	doc:"what it is"
//	schema:"required,minimum=0,maximum=1,minLength=1,enum=a|b,pattern=^x$"
//
// Texts and durations that would be left out when they are written, if they were "" or 0s,
// must be neither: strict.SaysNothing.
//
// A pattern has no commas and comes last.
package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// Object is a schema, or a part of one.
type Object map[string]any

var (
	boolType         = reflect.TypeFor[field.Bool]()
	durationType     = reflect.TypeFor[metav1.Duration]()
	plainDuration    = reflect.TypeFor[time.Duration]()
	timeType         = reflect.TypeFor[metav1.Time]()
	intOrPercentType = reflect.TypeFor[intstr.IntOrString]()
	rawType          = reflect.TypeFor[json.RawMessage]()
)

// Describer is a type that returns its own schema.
type Describer interface{ JSONSchema() Object }

// Of returns the schema of values of the type of v: a struct or a pointer to one, for plugins' arguments.
// The error is that the type has a field that no schema can describe.
func Of(v any) (json.RawMessage, error) {
	object, err := ObjectOf(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(object)
}

// ObjectOf is Of for a schema that more is to be added to.
func ObjectOf(v any) (Object, error) { return of(reflect.TypeOf(v)) }

func of(t reflect.Type) (Object, error) {
	if t == nil {
		return nil, fmt.Errorf("no schema describes nil")
	}
	if d, is := reflect.New(t).Interface().(Describer); is {
		return d.JSONSchema(), nil
	}
	switch t {
	case boolType:
		return Object{"type": "boolean"}, nil
	case durationType, plainDuration:
		return Object{"type": "string", "pattern": strict.DurationPattern}, nil
	case timeType:
		return Object{"type": "string", "format": "date-time"}, nil
	case intOrPercentType:
		return Object{"type": []string{"integer", "string"}, "minimum": 0, "pattern": "^[0-9]+%$"}, nil
	case rawType:
		return Object{}, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return of(t.Elem())
	case reflect.Struct:
		return ofStruct(t)
	case reflect.Slice, reflect.Array:
		items, err := of(t.Elem())
		return Object{"type": "array", "items": items}, err
	case reflect.Map:
		if t.Key().Kind() != reflect.String {
			return nil, fmt.Errorf("no schema describes the keys of %s", t)
		}
		values, err := of(t.Elem())
		return Object{"type": "object", "additionalProperties": values}, err
	case reflect.String:
		return Object{"type": "string"}, nil
	case reflect.Bool:
		return Object{"type": "boolean"}, nil
	case reflect.Float32, reflect.Float64:
		return Object{"type": "number"}, nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Object{"type": "integer"}, nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Object{"type": "integer", "minimum": 0}, nil
	case reflect.Interface:
		return Object{}, nil
	}
	return nil, fmt.Errorf("no schema describes %s", t)
}

func ofStruct(t reflect.Type) (Object, error) {
	properties := Object{}
	var required []string
	if err := addFields(t, properties, &required); err != nil {
		return nil, err
	}
	s := Object{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s, nil
}

// addFields adds the fields of a struct, and those of structs embedded in it.
func addFields(t reflect.Type, properties Object, required *[]string) error {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			if err := addFields(f.Type, properties, required); err != nil {
				return err
			}
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		s, err := of(f.Type)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		if strict.SaysNothing(f) {
			demandValue(s)
		}
		if doc := f.Tag.Get("doc"); doc != "" {
			s["description"] = doc
		}
		must, err := constrain(s, f.Tag.Get("schema"))
		if err != nil {
			return fmt.Errorf("%s.%s: %w", t, f.Name, err)
		}
		if must {
			*required = append(*required, name)
		}
		properties[name] = s
	}
	return nil
}

// demandValue leaves out the text, or the durations, that say nothing.
func demandValue(s Object) {
	switch {
	case s["pattern"] == strict.DurationPattern:
		s["not"] = Object{"pattern": "^[^1-9]*$"}
	case s["type"] == "string":
		s["minLength"] = 1
	}
}

// constrain adds what a schema tag says, and returns whether the field is required.
func constrain(s Object, tag string) (required bool, err error) {
	before, pattern, hasPattern := strings.Cut(tag, "pattern=")
	if hasPattern {
		s["pattern"] = pattern
	}
	for _, part := range strings.Split(strings.TrimSuffix(before, ","), ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "":
		case "required":
			required = true
		case "enum":
			target := s
			if items, is := s["items"].(Object); is { // each item of a list
				target = items
			}
			target["enum"] = strings.Split(value, "|")
		case "minimum", "maximum", "exclusiveMinimum", "minLength", "minItems":
			number, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return false, fmt.Errorf("schema tag %q: %w", part, err)
			}
			s[key] = number
		default:
			return false, fmt.Errorf("schema tag %q: there are required, enum, minimum, maximum, exclusiveMinimum, minLength, minItems and pattern", part)
		}
	}
	return required, nil
}
