package reference

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1"
)

// fields makes tables of the fields of structs.
type fields struct {
	// packages are those whose structs are shown field by field.
	packages []string
	// valuesFrom is where the values of types of strings are, besides the package of the type.
	valuesFrom string
}

// table returns the table of a struct's fields, and of the fields below these. Defaults are those
// that the value has.
func (f fields) table(t *testing.T, value any) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| field | takes | default | |\n|---|---|---|---|\n")
	v := reflect.ValueOf(value)
	before := b.Len()
	f.rows(t, &b, "", v.Type().Elem(), v.Elem())
	if b.Len() == before {
		return ""
	}
	return b.String()
}

// rows writes the rows of a struct; value is not valid where there is none.
func (f fields) rows(t *testing.T, b *strings.Builder, prefix string, of reflect.Type, value reflect.Value) {
	t.Helper()
	for i := range of.NumField() {
		field := of.Field(i)
		var standard reflect.Value
		if value.IsValid() {
			standard = value.Field(i)
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Type == reflect.TypeFor[v1.TypeMeta](), name == "-":
		case field.Anonymous && name == "":
			f.rows(t, b, prefix, field.Type, standard)
		default:
			f.row(t, b, prefix+name, of, field, standard)
		}
	}
}

func (f fields) row(t *testing.T, b *strings.Builder, name string, of reflect.Type, field reflect.StructField, value reflect.Value) {
	t.Helper()
	said := comment(t, of, field.Name)
	if said == "" {
		t.Errorf("%s.%s.%s, which is the field %s, has no comment to show", of.PkgPath(), of.Name(), field.Name, name)
	}
	text, standard, _ := strings.Cut(without(field.Name, said), "Default: ")
	standard = strings.TrimSuffix(standard, ".")
	text, required := strings.CutSuffix(strings.TrimSpace(text), "Required.")
	if required {
		standard = "required"
	}
	if is := scalar(value); standard == "" {
		standard = is
	} else if is != "" && is != "0" && is != "false" && !strings.Contains(standard, is) {
		t.Errorf("the default of %s is %s, and the comment says %q", name, is, standard)
	}
	below, list := element(field.Type)
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, cell(f.takes(t, field.Type)), cell(standard), cell(text))
	if f.shows(below) {
		if list {
			f.rows(t, b, name+"[].", below, reflect.Value{})
			return
		}
		if value.IsValid() && value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		f.rows(t, b, name+".", below, value)
	}
}

// shows says whether the fields of a struct are rows.
func (f fields) shows(of reflect.Type) bool {
	return of.Kind() == reflect.Struct && slices.Contains(f.packages, of.PkgPath())
}

// element returns the type that pointers point to, or lists consist of.
func element(of reflect.Type) (below reflect.Type, list bool) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		list = list || of.Kind() == reflect.Slice
		of = of.Elem()
	}
	return of, list
}

// shortDuration returns a duration as people write it: 1h.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// scalar returns a default that is a text, a number, true or false, or a list of one text.
func scalar(value reflect.Value) string {
	if value.IsValid() && value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if !value.IsValid() {
		return ""
	}
	switch value.Kind() {
	case reflect.Struct:
		if value.Type() != reflect.TypeFor[v1.Duration]() {
			return ""
		}
		return shortDuration(value.Interface().(v1.Duration).Duration)
	case reflect.Map:
		return ""
	case reflect.Slice:
		if value.Len() != 1 || value.Type().Elem().Kind() != reflect.String {
			return ""
		}
		value = value.Index(0)
	}
	text, err := json.Marshal(value.Interface())
	if err != nil {
		return err.Error()
	}
	return strings.Trim(string(text), `"`)
}

// names are the types of others, in words.
var names = map[string]string{
	"Duration": "duration", "LabelSelector": "label selector", "IntOrString": "number or percentage", "ResourceList": "map of quantities",
	"ResourceThresholds": "map of percentages", "Args": "the plugin's arguments", "PodProtection": "protections",
}

// takes says in a few words what a field takes.
func (f fields) takes(t *testing.T, of reflect.Type) string {
	t.Helper()
	if of.Kind() == reflect.Pointer {
		return f.takes(t, of.Elem())
	}
	if words := names[of.Name()]; words != "" {
		return words
	}
	switch of.Kind() {
	case reflect.Slice:
		return "list of " + f.takes(t, of.Elem())
	case reflect.Struct, reflect.Interface:
		if f.shows(of) {
			return "map"
		}
		return of.Name()
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		if values := f.values(t, of); len(values) > 0 {
			return strings.Join(values, ", ")
		}
		return "text"
	case reflect.Int32, reflect.Int64, reflect.Uint:
		return "whole number"
	}
	t.Errorf("there is no word for %s.%s", of.PkgPath(), of.Name())
	return of.String()
}

// values returns the values that the sources have for a type.
func (f fields) values(t *testing.T, of reflect.Type) (quoted []string) {
	t.Helper()
	if of.PkgPath() == "" {
		return nil
	}
	values := sourceOf(t, of.PkgPath()).values[of.Name()]
	if len(values) == 0 && f.valuesFrom != "" {
		values = sourceOf(t, f.valuesFrom).values[of.Name()]
	}
	for _, value := range values {
		quoted = append(quoted, code(value))
	}
	return quoted
}
