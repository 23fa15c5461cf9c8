package field

import (
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/internal/strict"
)

// options stand for those of a fault.
type options struct {
	Text   Text   `json:"text,omitempty"`
	List   List   `json:"list,omitempty"`
	Number Number `json:"number,omitempty"`
	Bool   Bool   `json:"bool,omitempty"`
}

func (o *options) check() error {
	return errors.Join(o.Text.Check(), o.List.Check(), o.Number.Check(100), o.Bool.Check())
}

// message returns what an error says, for comparisons.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestJSON(t *testing.T) {
	for _, tc := range []struct {
		name, data string
		want       options
		unread     string
		unfit      string
	}{
		{name: "what is not there is not given", data: `{}`},
		{name: "what is there is given", data: `{"text":"a","list":["b","c"],"number":3,"bool":false}`, want: options{Text: "a", List: List{"b", "c"}, Number: 3, Bool: No}},
		{name: "a text without a value is not the same as none", data: `{"text":null}`, want: options{Text: blank}, unfit: "is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "an empty text is not the same as none", data: `{"text":""}`, want: options{Text: blank}, unfit: "is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "a text of spaces says nothing", data: `{"text":"  "}`, want: options{Text: "  "}, unfit: "is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "a text that is no text names its field", data: `{"text":3}`, unread: "json: cannot unmarshal number into Go struct field options.text of type string"},
		{name: "a list without a value is not the same as none", data: `{"list":null}`, want: options{List: List{}}, unfit: "is empty: omit it, or set a value"},
		{name: "an empty list is not the same as none", data: `{"list":[]}`, want: options{List: List{}}, unfit: "is empty: omit it, or set a value"},
		{name: "an empty item says nothing", data: `{"list":["a"," "]}`, want: options{List: List{"a", " "}}, unfit: "item 2 is empty"},
		{name: "an item may be there once", data: `{"list":["a","a"]}`, want: options{List: List{"a", "a"}}, unfit: `"a" is listed twice`},
		{name: "a number without a value is not the same as none", data: `{"number":null}`, want: options{Number: -1}, unfit: "must be a whole number, 1 or more"},
		{name: "a number of 0 is not the same as none", data: `{"number":0}`, want: options{Number: -1}, unfit: "must be a whole number, 1 or more"},
		{name: "a number may be too large", data: `{"number":101}`, want: options{Number: 101}, unfit: "is 101: it must be a whole number from 1 to 100"},
		{name: "a part of a number is none", data: `{"number":1.5}`, unread: "json: cannot unmarshal number 1.5 into Go struct field options.number of type int"},
		{name: "a boolean without a value is not the same as none", data: `{"bool":null}`, want: options{Bool: Bool(blank)}, unfit: "must be true or false"},
		{name: "a text is no boolean", data: `{"bool":"yes"}`, unread: "json: cannot unmarshal string into Go struct field options.bool of type bool"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got options
			err := json.Unmarshal([]byte(tc.data), &got)
			if diff := cmp.Diff(tc.unread, message(err)); diff != "" {
				t.Fatalf("reading it (-want, +got):\n%s", diff)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("what was read (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.unfit, message(got.check())); diff != "" {
				t.Errorf("checking it (-want, +got):\n%s", diff)
			}
			if tc.unfit != "" {
				return
			}
			written, err := json.Marshal(got)
			if diff := cmp.Diff(tc.data, string(written)); diff != "" || err != nil {
				t.Errorf("written again (-want, +got):\n%s%v", diff, err)
			}
		})
	}
}

func TestFlags(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		want options
		err  string
	}{
		{name: "no flag is nothing given"},
		{name: "all flags", args: []string{"--text=a", "--list=b,c", "--list=d", "--number=3", "--bool=false"}, want: options{Text: "a", List: List{"b", "c", "d"}, Number: 3, Bool: No}},
		{name: "an empty text, as of a variable that is not set", args: []string{"--text="}, err: `invalid argument "" for "--text" flag: is empty: omit it, or set a value`},
		{name: "a text that is given twice, of which one would be forgotten", args: []string{"--text=a", "--text=b"}, err: `invalid argument "b" for "--text" flag: is given twice`},
		{name: "an empty list", args: []string{"--list="}, err: `invalid argument "" for "--list" flag: is empty: omit it, or set a value`},
		{name: "a list of separators", args: []string{"--list= ,,"}, err: `invalid argument " ,," for "--list" flag: is empty: omit it, or set a value`},
		{name: "a list with a comma too many", args: []string{"--list=a,,b"}, err: `invalid argument "a,,b" for "--list" flag: "a,,b" has an extra comma: item 2 is empty`},
		{name: "a number of 0", args: []string{"--number=0"}, err: `invalid argument "0" for "--number" flag: must be a whole number, 1 or more`},
		{name: "a number that is given twice", args: []string{"--number=1", "--number=2"}, err: `invalid argument "2" for "--number" flag: is given twice`},
		{name: "a boolean that is neither", args: []string{"--bool=yes"}, err: `invalid argument "yes" for "--bool" flag: must be true or false`},
		{name: "an empty boolean", args: []string{"--bool="}, err: `invalid argument "" for "--bool" flag: must be true or false`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got options
			fs := pflag.NewFlagSet("", pflag.ContinueOnError)
			fs.SetOutput(io.Discard)
			fs.Var(&got.Text, "text", "")
			fs.Var(&got.List, "list", "")
			fs.Var(&got.Number, "number", "")
			fs.Var(&got.Bool, "bool", "")
			err := fs.Parse(tc.args)
			if diff := cmp.Diff(tc.err, message(err)); diff != "" {
				t.Fatalf("parsing (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" && err == nil {
				t.Errorf("options (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestErrorNamesFieldOrFlag(t *testing.T) {
	err := errors.Join(Errorf("excludedWeekdays", "is wrong"), &Error{Field: "labels", Flag: "node-labels", Err: errEmpty}, io.EOF)
	want := "--excluded-weekdays: is wrong\n--node-labels: is empty: omit it, or set a value\nEOF"
	if diff := cmp.Diff(want, AsFlags(err).Error()); diff != "" {
		t.Errorf("as flags (-want, +got):\n%s", diff)
	}
	read := strict.Errors{{Line: 1, Path: "maxRuntime", Message: "must be a duration"}, {Message: "is no map"}}
	if diff := cmp.Diff("--max-runtime: must be a duration\nis no map", AsFlags(read).Error()); diff != "" {
		t.Errorf("what a reader says, as flags (-want, +got):\n%s", diff)
	}
	if !errors.Is(AsFlags(err), io.EOF) || !errors.Is(AsFlags(err), errEmpty) {
		t.Error("what went wrong is no longer in the errors")
	}
	if AsFlags(nil) != nil {
		t.Error("no error has become one")
	}
}
