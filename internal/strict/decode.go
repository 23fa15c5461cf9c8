package strict

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Unmarshal reads a map of fields, in plain YAML or JSON, into a struct. Its errors are
// Errors where they are about fields.
func Unmarshal(data []byte, into any) error {
	root, err := Parse(data, Plain)
	if err != nil {
		return err
	}
	var d Decoder
	d.Decode("", root, into)
	if len(d.Errors) > 0 {
		return d.Errors
	}
	return nil
}

// Decoder fills Go values from nodes, and keeps the mistakes.
type Decoder struct {
	Manner Manner
	// Hook, where there is one, is asked before a struct is filled: it fills those that
	// it knows, to which into points, and says whether it has.
	Hook   func(path string, n *Node, into any) bool
	Errors Errors
}

// Fail records a mistake.
func (d *Decoder) Fail(path string, line int, format string, args ...any) {
	d.Errors = append(d.Errors, Error{line, path, fmt.Sprintf(format, args...)})
}

// Decode fills what into points to. What the file does not say stays as it is.
func (d *Decoder) Decode(path string, n *Node, into any) {
	d.decode(path, n, reflect.ValueOf(into).Elem())
}

// DecodeFields fills a struct, and returns the fields of the map that it does not have, and
// the names of those that it has. What is a *Node in it is left to be decoded.
func (d *Decoder) DecodeFields(path string, n *Node, into any) (rest []Entry, known []string) {
	return d.fields(path, n, reflect.ValueOf(into).Elem())
}

// Unknown records a field that there is none of.
func (d *Decoder) Unknown(path string, e Entry, known []string) {
	d.Fail(Child(path, e.Key), e.Line, "unknown field%s; there are %s", spelling.DidYouMean(e.Key, known), OneOf(known))
}

// Child returns the path of a field.
func Child(path, key string) string {
	switch {
	case strings.ContainsAny(key, "./[] ") || key == "":
		return fmt.Sprintf("%s[%s]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// Index returns the path of an item.
func Index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	nodeType    = reflect.TypeFor[*Node]()

	durationType = reflect.TypeFor[metav1.Duration]()
)

func (d *Decoder) decode(path string, n *Node, v reflect.Value) {
	if v.Type() == nodeType { // somebody else will read it
		v.Set(reflect.ValueOf(n))
		return
	}
	switch n.Kind {
	case Bad:
		return
	case Null:
		d.Fail(path, n.Line, "has no value")
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(path, n, v.Elem())
		return
	}
	if !v.Addr().Type().Implements(unmarshaler) {
		switch v.Kind() {
		case reflect.Struct:
			if d.Hook != nil && d.Hook(path, n, v.Addr().Interface()) {
				return
			}
			rest, known := d.fields(path, n, v)
			for _, e := range rest {
				d.Unknown(path, e, known)
			}
			return
		case reflect.Slice:
			d.list(path, n, v)
			return
		case reflect.Map:
			d.entries(path, n, v)
			return
		case reflect.Interface:
			v.Set(reflect.ValueOf(n.plain()))
			return
		}
	}
	err := json.Unmarshal(n.JSON(), v.Addr().Interface())
	if text, is := n.Value.(string); is && v.Type() == durationType && !duration.MatchString(text) {
		err = errDuration
	}
	if err != nil {
		d.Fail(path, n.Line, "must be %s, not %s%s", wanted(v, n), shown(n), why(err))
	}
}

// shown is a value for a message.
func shown(n *Node) string {
	if n.Kind == List || n.Kind == Map {
		return string(n.Kind)
	}
	return string(n.JSON())
}

// DurationPattern is what Go reads as a duration that is not negative. Go reads more.
const DurationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$|^0$`

var duration = regexp.MustCompile(DurationPattern)

var errDuration = errors.New("is no such duration")

// fields fills a struct and returns the fields that it does not have, and the names of
// those that it has. Those with the tag strict:"null" may have no value.
func (d *Decoder) fields(path string, n *Node, v reflect.Value) (rest []Entry, known []string) {
	if n.Kind != Map {
		d.Fail(path, n.Line, "must be a map of fields, not %s", n.Kind)
		return nil, nil
	}
	fields := map[string]field{}
	fieldsOf(v, fields)
	for name := range fields {
		known = append(known, name)
	}
	for _, e := range n.Fields {
		f, is := fields[e.Key]
		switch at := Child(path, e.Key); {
		case is && e.Value.Kind == Null && f.of.Tag.Get("strict") == "null": // as if left out
		case is:
			before := len(d.Errors)
			d.decode(at, e.Value, f.Value)
			if d.Manner == Plain && SaysNothing(f.of) && f.IsZero() && len(d.Errors) == before {
				d.Fail(at, e.Line, "%s has no effect: omit it, or set a value", shown(e.Value))
			}
		default:
			rest = append(rest, e)
		}
	}
	return rest, known
}

// SaysNothing says whether a field that is given as "" or 0s is as if it were not given. It
// is one that would not be written then, by omitempty or omitzero in its tag. A template
// that had nothing to put there would lift a limit, so Plain has it for a mistake. Where 0s is
// a value like others, the tag has neither.
func SaysNothing(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case f.Type == durationType:
		return options == "omitzero"
	case f.Type.Kind() == reflect.String:
		return options == "omitempty"
	}
	return false
}

// field is a field of a struct.
type field struct {
	reflect.Value
	of reflect.StructField
}

// fieldsOf collects the fields of a struct, and of those embedded in it, by JSON name.
func fieldsOf(v reflect.Value, fields map[string]field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			fieldsOf(v.Field(i), fields)
		case f.IsExported() && name != "":
			fields[name] = field{v.Field(i), f}
		}
	}
}

func (d *Decoder) list(path string, n *Node, v reflect.Value) {
	if n.Kind != List {
		d.Fail(path, n.Line, "must be a list, not %s", n.Kind)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		d.decode(Index(path, i), item, v.Index(i))
	}
}

func (d *Decoder) entries(path string, n *Node, v reflect.Value) {
	if n.Kind != Map {
		d.Fail(path, n.Line, "must be a map, not %s", n.Kind)
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range n.Fields {
		value := reflect.New(v.Type().Elem()).Elem()
		d.decode(Child(path, e.Key), e.Value, value)
		v.SetMapIndex(reflect.ValueOf(e.Key).Convert(v.Type().Key()), value)
	}
}

// Wanter is a type that says what its values look like in a file.
type Wanter interface{ Wanted() string }

// wanted says what a value must be. How large numbers may be only matters where one is too
// large.
func wanted(v reflect.Value, n *Node) string {
	switch is := v.Addr().Interface().(type) {
	case Wanter:
		return is.Wanted()
	case *metav1.Duration:
		return "a duration such as 30s, 5m or 1h30m"
	case *intstr.IntOrString:
		return `a whole number or a percentage such as "80%"`
	}
	switch v.Kind() {
	case reflect.String:
		if n.Kind == List || n.Kind == Map {
			return "text"
		}
		return "text, in quotes where it looks like something else"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n.whole() && !strings.HasPrefix(string(n.JSON()), "-") {
			return fmt.Sprintf("a whole number from 0 to %d", uint64(math.MaxUint64)>>(64-v.Type().Bits()))
		}
		return "a whole number, 0 or more"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if limit := uint64(math.MaxUint64) >> (65 - v.Type().Bits()); n.whole() {
			return fmt.Sprintf("a whole number from -%d to %d", limit+1, limit)
		}
		return "a whole number"
	}
	return "a value for " + v.Type().String()
}

// whole says whether the value is a whole number.
func (n *Node) whole() bool {
	float, isFloat := n.Value.(float64)
	return n.Kind == Number && (!isFloat || float == math.Trunc(float))
}

// why adds what a type that reads itself says, which what is wanted may leave out.
func why(err error) string {
	if _, is := errors.AsType[*json.UnmarshalTypeError](err); is || errors.Is(err, errDuration) {
		return "" // the first names Go types
	}
	return " (" + err.Error() + ")"
}
