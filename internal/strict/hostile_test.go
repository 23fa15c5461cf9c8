package strict

import (
	"fmt"
	"strings"
	"testing"
)

// TestHostileFiles reads files that are large, deep, or expand to what is. Each is a short error, or
// is read like any other.
func TestHostileFiles(t *testing.T) {
	const tooMuch = "it is nested too deeply, has too many values, or its aliases expand to too much"
	lines := func(n int, format string) string {
		var all strings.Builder
		for i := range n {
			fmt.Fprintf(&all, format, i)
		}
		return all.String()
	}
	bomb := "a0: &a0 [x, x]\n"
	for i := 1; i < 60; i++ {
		bomb += fmt.Sprintf("a%d: &a%[1]d [*a%d, *a%[2]d]\n", i, i-1)
	}
	for _, tt := range []struct {
		name, text string
		fields     int
		err        string
	}{
		{name: "a selector of 100,000 labels", text: "matchLabels:\n" + lines(100_000, "  label-%d: value\n"), err: tooMuch},
		{name: "a map of 90,000 fields", text: lines(90_000, "f%d: 1\n"), fields: 90_000},
		{name: "45,000 fields merged into another 45,000", text: "f: &f\n" + lines(45_000, "  a%d: 1\n") + "<<: *f\n" + lines(1000, "b%d: 1\n"), fields: 46_001},
		{name: "10,000 lists in each other", text: "a: " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), err: ""},
		{name: "500 lists in each other", text: "a: " + strings.Repeat("[", 500) + strings.Repeat("]", 500), err: tooMuch},
		{name: "aliases that double 60 times", text: bomb, err: ""},
		{name: "an alias of what it is in", text: "a: &a [*a]\n", err: ""},
		{name: "a text of 10 MB", text: "a: " + strings.Repeat("x", 10<<20), fields: 1},
		{name: "a key of 10 MB", text: `{"` + strings.Repeat("x", 10<<20) + `": 1}`, err: ""},
		{name: "invalid UTF-8", text: "a: \xff\xfe\n", err: "not valid YAML"},
		{name: "a number of 100,000 digits", text: "a: " + strings.Repeat("9", 100_000) + "\n", fields: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, err := Parse([]byte(tt.text), AsKubernetes)
			switch {
			case tt.fields > 0:
				if err != nil || len(root.Fields) != tt.fields {
					t.Errorf("it has not %d fields, error %.1000v", tt.fields, err)
				}
			case err == nil || !strings.Contains(err.Error(), tt.err):
				t.Errorf("error %.1000v, want %q", err, tt.err)
			}
		})
	}
}

// TestAsManyMistakesAsValues: each has its line, and telling all takes no longer than reading.
func TestAsManyMistakesAsValues(t *testing.T) {
	const n = 30_000
	var text strings.Builder
	text.WriteString("items:\n")
	for range n {
		text.WriteString("- {name: 1, x: 2}\n")
	}
	var into struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	errs, is := Unmarshal([]byte(text.String()), &into).(Errors)
	if !is || len(errs) != 2*n {
		t.Fatalf("%d mistakes, want %d", len(errs), 2*n)
	}
	root, err := Parse([]byte(text.String()), Plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range errs {
		if line := root.LineOf(e.Path); line != e.Line {
			t.Fatalf("%s is in line %d, and found in line %d", e.Path, e.Line, line)
		}
	}
}
