package strict

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// file is what is read here.
type file struct {
	Name    string            `json:"name"`
	On      bool              `json:"on"`
	Small   int8              `json:"small"`
	Count   uint32            `json:"count"`
	Big     int64             `json:"big"`
	Share   float64           `json:"share"`
	For     metav1.Duration   `json:"for"`
	List    []string          `json:"list"`
	Labels  map[string]string `json:"labels"`
	Nested  *nested           `json:"nested"`
	Any     any               `json:"any"`
	Note    string            `json:"note,omitempty"`
	Every   metav1.Duration   `json:"every,omitzero"`
	Maybe   []string          `json:"maybe" strict:"null"`
	Skipped string            `json:"-"`
	nested  `json:",inline"`
}

type nested struct {
	Inner int `json:"inner"`
}

// readAs reads a file, and returns what it says or its mistakes, with lines.
func readAs(manner Manner, text string) (file, []string) {
	root, err := Parse([]byte(text), manner)
	if root == nil {
		return file{}, []string{err.Error()}
	}
	d := Decoder{Manner: manner}
	d.Errors, _ = errors.AsType[Errors](err)
	var f file
	d.Decode("", root, &f)
	if err := d.Errors.In("f"); err != nil {
		return file{}, strings.Split(err.Error(), "\n")
	}
	return f, nil
}

const (
	all     = "any, big, count, every, for, inner, labels, list, maybe, name, nested, note, on, share, small"
	expands = "it is nested too deeply, has too many values, or its aliases expand to too much"
)

func TestMistakesAreTheSameInEachManner(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", []string{"it is empty"}},
		{"a comment between separators", "---\n# nothing\n---\n", []string{"it is empty"}},
		{"two documents", "name: a\n---\nname: b\n", []string{"it has 2 documents; only one is read"}},
		{"a list", "- a\n", []string{"it is a list where a map of fields is expected"}},
		{"text", "hello\n", []string{"it is text where a map of fields is expected"}},
		{"a tab", "name: a\n\tinner: 1\n", []string{"not valid YAML: yaml: line 2: found a tab character that violates indentation"}},
		{"an alias to itself", "any: &a [*a]\n", []string{expands}},
		{"aliases without end", "any: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e]\n", []string{expands}},
		{"a field that there is not", "nam: a\n", []string{`f:1: nam: unknown field (did you mean "name"?); there are ` + all}},
		{"one in a map", "nested: {iner: 1}\n", []string{`f:1: nested.iner: unknown field (did you mean "inner"?); there are inner`}},
		{"what is not read, and another case", "Skipped: a\nNAME: b\n", []string{"f:1: Skipped: unknown field; there are " + all, `f:2: NAME: unknown field (did you mean "name"?); there are ` + all}},
		{"a field twice, also in JSON", `{"name": "a", "nested": {"inner": 1, "inner": 2}, "name": "b"}`, []string{"f:1: nested.inner: the field is given twice", "f:1: name: the field is given twice"}},
		{"a key that is no text", "? [a]\n: b\n", []string{"f:1: has a key that is not text"}},
		{"types", "name: 1\nsmall: [1]\ncount: -1\nbig: x\nshare: much\nlist: a\nlabels: [a]\nnested: 1\n", []string{
			"f:1: name: must be text, in quotes where it looks like something else, not 1", "f:2: small: must be a whole number, not a list", "f:3: count: must be a whole number, 0 or more, not -1",
			`f:4: big: must be a whole number, not "x"`, `f:5: share: must be a number, not "much"`, "f:6: list: must be a list, not text", "f:7: labels: must be a map, not a list", "f:8: nested: must be a map of fields, not a number",
		}},
		{"numbers that are too large, or parts", "small: 128\ncount: 4294967296\nbig: 9223372036854775808\ninner: 1.5\n", []string{
			"f:1: small: must be a whole number from -128 to 127, not 128", "f:2: count: must be a whole number from 0 to 4294967295, not 4294967296",
			"f:3: big: must be a whole number from -9223372036854775808 to 9223372036854775807, not 9223372036854775808", "f:4: inner: must be a whole number, not 1.5",
		}},
		{"numbers that are none", "share: .inf\nbig: .nan\n", []string{"f:1: share: .inf is no number that can be used", "f:2: big: .nan is no number that can be used"}},
		{"durations", "for: 5\n", []string{"f:1: for: must be a duration such as 30s, 5m or 1h30m, not 5"}},
		{"a duration below nothing", "for: -5m\n", []string{`f:1: for: must be a duration such as 30s, 5m or 1h30m, not "-5m"`}},
		{"fields without values", "name:\ncount: ~\nnested: null\nlist:\n# - a\n", []string{"f:1: name: has no value", "f:2: count: has no value", "f:3: nested: has no value", "f:4: list: has no value"}},
		{"entries without values", "list: [a, ]\nlabels: {a: }\n", []string{"f:2: labels.a: has no value"}},
		{"items without values", "list:\n- a\n-\n", []string{"f:3: list[1]: has no value"}},
		{"control characters", "name: \"a\\x85b\"\n", []string{`f:1: name: "a\u0085b" has control characters`}},
		{"control characters in a key", "labels: {\"a\\e[31m\": b}\n", []string{`f:1: labels: has a key with control characters: "a\x1b[31m"`}},
		{"times and sexagesimal numbers are text", "count: 2020-01-01\nbig: 1:30\n", []string{`f:1: count: must be a whole number, 0 or more, not "2020-01-01"`, `f:2: big: must be a whole number, not "1:30"`}},
		{"numbers in quotes", "count: \"5\"\nshare: '0.5'\n", []string{`f:1: count: must be a whole number, 0 or more, not "5"`, `f:2: share: must be a number, not "0.5"`}},
		{"a tag that the text does not fit", "count: !!int x\n", []string{"f:1: count: x is no number that can be used"}},
		{"bytes that are no text", "name: \xff\n", []string{"not valid YAML: yaml: invalid leading UTF-8 octet"}},
		{"deep nesting", "any: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", []string{expands}},
		{"bottomless nesting", "any: " + strings.Repeat("{a: ", 100_000), []string{"not valid YAML: yaml: exceeded max depth of 10000"}},
		{"an endless list", "list:\n" + strings.Repeat("- a\n", 200_000), []string{expands}},
		{"keys that could be taken for several", "labels: {example.com/a: 1, \"\": 2}\n", []string{
			"f:1: labels[example.com/a]: must be text, in quotes where it looks like something else, not 1", "f:1: labels[]: must be text, in quotes where it looks like something else, not 2",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for manner, name := range map[Manner]string{Plain: "plain", AsKubernetes: "as Kubernetes"} {
				got, mistakes := readAs(manner, tt.text)
				if diff := cmp.Diff(tt.want, mistakes); diff != "" {
					t.Errorf("%s: mistakes (-want +got):\n%s%+v", name, diff, got)
				}
			}
		})
	}
}

func TestMannersDiffer(t *testing.T) {
	const quoted = "in quotes where it looks like something else"
	for _, tt := range []struct {
		name, text   string
		plain        string
		asKubernetes string
	}{
		{"a field that may be without a value", "maybe:\n", "", ""},
		{"a text that says nothing", "note: ''\n", `f:1: note: "" has no effect: omit it, or set a value`, ""},
		{"a duration that says nothing", "every: 0h0s\n", `f:1: every: "0h0s" has no effect: omit it, or set a value`, ""},
		{"a duration that may be nothing, and a text", "for: 0s\nname: ''\n", "", ""},
		{"yes for a boolean", "on: yes\n", `f:1: on: must be true or false, not "yes"`, ""},
		{"off for text", "name: off\n", "", "f:1: name: must be text, " + quoted + ", not false"},
		{"off in quotes", "name: 'off'\n", "", ""},
		{"merged maps", "labels: &l {a: b}\nnested: {inner: 1}\nany: {<<: *l, c: d}\n", "f:3: any.<<: maps cannot be merged here; write the fields out", ""},
		{"a map that merges itself", "any: &a\n  <<: *a\n", "f:2: any.<<: maps cannot be merged here; write the fields out", expands},
		{"a byte order mark, and lines as of Windows", "\ufeffname: a\r\nlist:\r\n- b\r\n", "", ""},
		{"a timestamp as text", "name: 2020-01-01\n", "", ""},
		{"merged text", "any: {<<: x}\n", "f:1: any.<<: maps cannot be merged here; write the fields out", "f:1: any.<<: merges text; it can only merge maps"},
		{"aliases", "list: &l [a]\nany: *l\n", "", ""},
		{"whole numbers with a point", "inner: 20.0\nbig: 1e3\n", "", ""},
		{"hexadecimal and large numbers", "small: 0x7f\nbig: 9223372036854775807\n", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for manner, want := range map[Manner]string{Plain: tt.plain, AsKubernetes: tt.asKubernetes} {
				if _, got := readAs(manner, tt.text); strings.Join(got, "\n") != want {
					t.Errorf("manner %d: got %q, want %q", manner, got, want)
				}
			}
		})
	}
}

func TestMergesGiveWayToWhatAMapSaysItself(t *testing.T) {
	got, mistakes := readAs(AsKubernetes, "any:\n  base: &b {a: 1, b: 2}\n  more: &m {b: 3, c: 4}\n  sum: {<<: [*b, *m], a: 5}\n")
	want := map[string]any{
		"base": map[string]any{"a": int64(1), "b": int64(2)}, "more": map[string]any{"b": int64(3), "c": int64(4)},
		"sum": map[string]any{"a": int64(5), "b": int64(2), "c": int64(4)},
	}
	if diff := cmp.Diff(any(want), got.Any); diff != "" || mistakes != nil {
		t.Errorf("(-want +got):\n%s\n%v", diff, mistakes)
	}
}

func TestHookFillsWhatItKnows(t *testing.T) {
	root, err := Parse([]byte("name: a\nnested: {other: 1}\n"), Plain)
	if err != nil {
		t.Fatal(err)
	}
	var d Decoder
	d.Hook = func(path string, n *Node, into any) bool {
		inner, is := into.(*nested)
		if is {
			inner.Inner = len(n.Fields)
		}
		return is
	}
	var f file
	d.Decode("", root, &f)
	if len(d.Errors) > 0 || f.Name != "a" || f.Nested.Inner != 1 {
		t.Errorf("%+v, mistakes %v", f, d.Errors)
	}
}

func TestErrorsBelowAPath(t *testing.T) {
	errs := Errors{{3, "spec.steps[0].evict.labels", "is no selector"}, {1, "name", "is required"}}
	if diff := cmp.Diff(Errors{{3, "labels", "is no selector"}, {1, "name", "is required"}}, errs.Below("spec.steps[0].evict")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := errs.In("f").Error(), "f:1: name: is required\nf:3: spec.steps[0].evict.labels: is no selector"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := (Errors{}).In("f"); err != nil {
		t.Errorf("no mistakes are an error: %v", err)
	}
}

func TestLineOfAFieldOrTheNearestAboveIt(t *testing.T) {
	root, err := Parse([]byte("a:\n  b:\n  - c: 1\n    d.e: 2\n"), Plain)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"a": 1, "a.b": 2, "a.b[0].c": 3, "a.b[0][d.e]": 4, "a.b[0].x.y": 3, "z": 1} {
		if got := root.LineOf(path); got != want {
			t.Errorf("%s is in line %d, want %d", path, got, want)
		}
	}
}
