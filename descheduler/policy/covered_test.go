package policy_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// fieldNames returns the JSON names of all fields in a type of the package.
func fieldNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fieldNames(t.Elem())
	case reflect.Struct:
		if !strings.HasSuffix(t.PkgPath(), "descheduler/policy") {
			return nil
		}
	default:
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
		names = append(names, fieldNames(f.Type)...)
	}
	return names
}

// TestExamplesHaveEveryPluginAndField covers the files in testdata. docs/reference/policy.md is
// generated from the types.
func TestExamplesHaveEveryPluginAndField(t *testing.T) {
	var all strings.Builder
	for _, data := range examples(t) {
		all.Write(data)
	}
	check := func(name string) {
		t.Helper()
		if !strings.Contains(all.String(), name+":") && !strings.Contains(all.String(), ": "+name) {
			t.Errorf("no example has %s", name)
		}
	}
	for _, name := range fieldNames(reflect.TypeFor[policy.Policy]()) {
		check(name)
	}
	for _, plugin := range policy.KnownPlugins() {
		check(plugin.Name)
		for _, name := range fieldNames(reflect.TypeOf(plugin.NewArgs())) {
			check(name)
		}
	}
}
