package scenario_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/internal/docstest"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

var update = flag.Bool("update", false, "write what is generated in README.md anew")

// node is a schema, or a part of one.
type node struct {
	Ref         string          `json:"$ref"`
	Type        any             `json:"type"`
	Pattern     string          `json:"pattern"`
	Enum        []string        `json:"enum"`
	Minimum     *float64        `json:"minimum"`
	Maximum     *float64        `json:"maximum"`
	Above       *float64        `json:"exclusiveMinimum"`
	Description string          `json:"description"`
	Properties  map[string]node `json:"properties"`
	Required    []string        `json:"required"`
	Items       *node           `json:"items"`
	Defs        map[string]node `json:"$defs"`
}

// document returns the schema of scenarios.
func document(t *testing.T) node {
	t.Helper()
	data, err := scenario.Schema(faults.All(preemptible.Recognizer{}), allProbes)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// kind says in a word or two what a field takes.
func (n node) kind() string {
	switch {
	case n.Ref != "":
		return "map, see below"
	case n.Properties != nil:
		return "map: `" + strings.Join(slices.Sorted(maps.Keys(n.Properties)), "`, `") + "`"
	case n.Enum != nil:
		return "`" + strings.ReplaceAll(strings.Join(n.Enum, "`, `"), "|", `\|`) + "`"
	case n.Items != nil:
		return "list of " + n.Items.kind()
	case strings.Contains(n.Pattern, "ns|us"):
		return "duration"
	}
	kinds := []string{fmt.Sprint(n.Type)}
	if several, is := n.Type.([]any); is {
		kinds = nil
		for _, one := range several {
			kinds = append(kinds, fmt.Sprint(one))
		}
	}
	for i, one := range kinds {
		switch {
		case one == "object":
			kinds[i] = "map of texts"
		case one == "string" && strings.HasSuffix(n.Pattern, "%$"):
			kinds[i] = `percentage such as "60%"`
		case one == "string":
			kinds[i] = "text"
		case one == "integer":
			kinds[i] = "whole number"
		}
	}
	return strings.Join(kinds, " or ") + n.bounds()
}

func (n node) bounds() string {
	switch {
	case n.Minimum != nil && n.Maximum != nil:
		return fmt.Sprintf(", %g to %g", *n.Minimum, *n.Maximum)
	case n.Above != nil && n.Maximum != nil:
		return fmt.Sprintf(", above 0, to %g", *n.Maximum)
	case n.Minimum != nil && *n.Minimum > 0:
		return fmt.Sprintf(", from %g", *n.Minimum)
	}
	return ""
}

// table returns a table of the fields.
func (n node) table() string {
	var b strings.Builder
	b.WriteString("| field | takes | |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(n.Properties)) {
		field := n.Properties[name]
		what := field.Description
		if slices.Contains(n.Required, name) {
			what = strings.TrimSuffix("**required.** "+what, " ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, field.kind(), what)
	}
	return b.String()
}

// sections are the parts of README.md that are generated, by the name of their definition.
func sections(root node) map[string]string {
	all := map[string]string{}
	for name, definition := range root.Defs {
		all[name] = definition.table()
	}
	spec := root.Defs["spec"].Properties
	for _, name := range []string{"steadyState", "objectives", "repeat"} {
		all[name] = spec[name].table()
	}
	for _, name := range []string{"scale", "awaitRecovery"} {
		all[name] = root.Defs["step"].Properties[name].table()
	}
	return all
}

// TestTheReadmeHasEveryField compares the tables of README.md with the schema.
func TestTheReadmeHasEveryField(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	was := string(data)
	is := was
	for name, table := range sections(document(t)) {
		begin, end := "<!-- fields of "+name+" -->\n", "<!-- end -->"
		before, rest, found := strings.Cut(is, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("README.md has no place for the fields of %s: %s…%s", name, begin, end)
			continue
		}
		is = before + begin + "\n" + table + "\n" + end + after
	}
	if *update && !t.Failed() {
		if err := os.WriteFile("README.md", []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(is, was); diff != "" {
		t.Errorf("README.md is not what the schema says: run `make generate` (-schema +page):\n%s", diff)
	}
}

// TestTheExamplesOfTheReadme reads all examples of README.md, and sees that each field is in
// one of them.
func TestTheExamplesOfTheReadme(t *testing.T) {
	all := faults.All(preemptible.Recognizer{})
	root, s := document(t), compiled(t, all)
	used := map[string]bool{}
	blocks := docstest.Blocks(t, "README.md", "yaml")
	if len(blocks) < 10 {
		t.Fatalf("README.md has %d examples", len(blocks))
	}
	for _, block := range blocks {
		file := complete(block.Text)
		if _, err := scenario.Parse([]byte(file), all, allProbes); err != nil {
			t.Errorf("%v in\n%s", err, block.Text)
			continue
		}
		if err := valid(t, s, file); err != nil {
			t.Errorf("the schema does not take this: %v\n%s", err, block.Text)
		}
		var value any
		if err := yaml.Unmarshal([]byte(file), &value); err != nil {
			t.Fatal(err)
		}
		note(root.Defs, root, "", value, used)
	}
	used["fault.spot.patience"] = true // which is there to be refused
	for name, definition := range root.Defs {
		for field := range definition.Properties {
			if !used[name+"."+field] {
				t.Errorf("no example has %s of %s", field, name)
			}
		}
	}
}

// complete makes a scenario out of a part of one: of steps, or of what spec has besides.
func complete(block string) string {
	if strings.HasPrefix(block, "apiVersion:") || strings.Contains(block, "\napiVersion:") {
		return block
	}
	if !strings.Contains("\n"+block, "\nsteps:") {
		block += "steps: [{wait: 1s}]\n"
	}
	return "apiVersion: chaos.stowage.dev/v1alpha1\nkind: Scenario\nmetadata: {name: example}\nspec:\n  " +
		strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n  ") + "\n"
}

// note marks the fields of definitions that a value has, as "definition.field".
func note(defs map[string]node, n node, name string, value any, used map[string]bool) {
	if n.Ref != "" {
		name = strings.TrimPrefix(n.Ref, "#/$defs/")
		n = defs[name]
	}
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			used[name+"."+key] = true
			note(defs, n.Properties[key], name+"."+key, below, used)
		}
	case []any:
		for _, item := range value {
			if n.Items != nil {
				note(defs, *n.Items, name, item, used)
			}
		}
	}
}
