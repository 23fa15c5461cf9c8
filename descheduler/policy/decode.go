package policy

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// decoder fills Go values from nodes. Unlike encoding/json it goes on after an error.
type decoder struct {
	known registry
	errs  field.ErrorList
}

var (
	pluginConfigType = reflect.TypeFor[PluginConfig]()
	unmarshalerType  = reflect.TypeFor[json.Unmarshaler]()
)

// decode fills v, which keeps its value where the file has none.
func (d *decoder) decode(path *field.Path, n *node, v reflect.Value) {
	if n.kind == nullKind || n.kind == badKind {
		return
	}
	switch {
	case v.Type() == pluginConfigType:
		d.pluginConfig(path, n, v.Addr().Interface().(*PluginConfig))
		return
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(path, n, v.Elem())
		return
	case v.CanAddr() && v.Addr().Type().Implements(unmarshalerType):
		d.custom(path, n, v)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if d.is(path, n, mapKind, "a map of fields") {
			d.fields(path, n, fieldsOf(v))
		}
	case reflect.Map:
		if d.is(path, n, mapKind, "a map") {
			d.decodeMap(path, n, v)
		}
	case reflect.Slice:
		if d.is(path, n, listKind, "a list") {
			d.list(path, n, v)
		}
	case reflect.String:
		if d.is(path, n, textKind, "text") {
			v.SetString(n.value.(string))
		}
	case reflect.Bool:
		if d.is(path, n, boolKind, "true or false") {
			v.SetBool(n.value.(bool))
		}
	case reflect.Float32, reflect.Float64:
		if d.is(path, n, numberKind, "a number") {
			v.SetFloat(n.float())
		}
	case reflect.Interface:
		if plain := n.plain(); plain != nil {
			v.Set(reflect.ValueOf(plain))
		}
	default:
		if d.is(path, n, numberKind, "a whole number") {
			d.whole(path, n, v)
		}
	}
}

// is says whether the value is of a kind, and reports it if not.
func (d *decoder) is(path *field.Path, n *node, want kind, name string) bool {
	if n.kind == want {
		return true
	}
	switch {
	case n.kind == listKind || n.kind == mapKind:
		d.fail(path, "must be %s, not %s", name, n.kind)
	case want == textKind:
		d.errs = append(d.errs, field.Invalid(path, n.value, "must be text; put it in quotes"))
	default:
		d.errs = append(d.errs, field.Invalid(path, n.value, "must be "+name))
	}
	return false
}

func (d *decoder) fail(path *field.Path, format string, args ...any) {
	d.errs = append(d.errs, field.Forbidden(path, fmt.Sprintf(format, args...)))
}

func (d *decoder) fields(path *field.Path, n *node, known map[string]reflect.Value) {
	for _, e := range n.fields {
		at := child(path, e.key)
		if v, is := known[e.key]; is {
			d.decode(at, e.value, v)
			continue
		}
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		d.fail(at, "unknown field%s; there are %s", spelling.DidYouMean(e.key, names), strings.Join(names, ", "))
	}
}

// fieldsOf returns the fields of a struct and of those embedded in it by JSON name.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for name, inner := range fieldsOf(v.Field(i)) {
				fields[name] = inner
			}
		case name == "-" || !f.IsExported():
		case name == "":
			fields[f.Name] = v.Field(i)
		default:
			fields[name] = v.Field(i)
		}
	}
	return fields
}

func (d *decoder) decodeMap(path *field.Path, n *node, v reflect.Value) {
	if v.Type().Key().Kind() != reflect.String {
		d.fail(path, "fields of type %s cannot be read", v.Type())
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range n.fields {
		at := child(path, e.key)
		if e.value.kind == nullKind {
			d.errs = append(d.errs, field.Required(at, "it has no value"))
			continue
		}
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(at, e.value, value)
		v.SetMapIndex(reflect.ValueOf(e.key).Convert(v.Type().Key()), value)
	}
}

func (d *decoder) list(path *field.Path, n *node, v reflect.Value) {
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		if item.kind == nullKind {
			d.errs = append(d.errs, field.Required(path.Index(i), "the entry is empty"))
			continue
		}
		d.decode(path.Index(i), item, v.Index(i))
	}
}

// custom leaves types that decode themselves, such as durations, to it.
func (d *decoder) custom(path *field.Path, n *node, v reflect.Value) {
	data, err := json.Marshal(n.plain())
	if err == nil {
		err = json.Unmarshal(data, v.Addr().Interface())
	}
	if err != nil {
		d.errs = append(d.errs, field.Invalid(path, n.plain(), err.Error()))
	}
}

// whole sets a whole number.
func (d *decoder) whole(path *field.Path, n *node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if number, is := n.int(); is && !v.OverflowInt(number) {
			v.SetInt(number)
			return
		}
		limit := uint64(math.MaxUint64) >> (65 - v.Type().Bits())
		d.errs = append(d.errs, field.Invalid(path, n.value, fmt.Sprintf("must be a whole number from -%d to %d", limit+1, limit)))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		number, is := n.int()
		if is && number >= 0 && !v.OverflowUint(uint64(number)) {
			v.SetUint(uint64(number))
			return
		}
		d.errs = append(d.errs, field.Invalid(path, n.value, "must be a whole number, 0 or more"))
	default:
		d.fail(path, "fields of type %s cannot be read", v.Type())
	}
}

// int returns a number that is whole. 20.0 is, as it is to the descheduler.
func (n *node) int() (int64, bool) {
	switch number := n.value.(type) {
	case int64:
		return number, true
	case float64:
		return int64(number), number == math.Trunc(number) && math.Abs(number) < 1<<53
	}
	return 0, false
}

func (n *node) float() float64 {
	switch number := n.value.(type) {
	case int64:
		return float64(number)
	case uint64:
		return float64(number)
	}
	return n.value.(float64)
}

// pluginConfig decodes arguments into the type that the plugin's name asks for. They
// stay nil if there is no such plugin, which validation reports.
func (d *decoder) pluginConfig(path *field.Path, n *node, config *PluginConfig) {
	if !d.is(path, n, mapKind, "a map with name and args") {
		return
	}
	var args node
	d.fields(path, n, map[string]reflect.Value{
		"name": reflect.ValueOf(&config.Name).Elem(),
		"args": reflect.ValueOf(new(any)).Elem(),
	})
	if given := n.get("args"); given != nil {
		args = *given
	} else {
		args.kind = nullKind
	}
	if plugin, is := d.known.find(config.Name); is {
		config.Args = plugin.NewArgs()
		d.decode(path.Child("args"), &args, reflect.ValueOf(config.Args).Elem())
	}
}
