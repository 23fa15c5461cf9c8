package explain

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

// many is a plan of more moves than a table or a page has rows.
func many(moves int) Document {
	p := &plan.Plan{}
	for i := range moves {
		p.Moves = append(p.Moves, plan.Move{Pod: pod(fmt.Sprintf("pod-%d", i), ""), From: "a", To: "b"})
	}
	return Document{Plan: p}
}

func TestLongTables(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format Format
		moves  int
		row    string
		want   int
		more   string
	}{
		{name: "a table of as many rows as it may have", format: Table, moves: longest, row: "default/pod-", want: longest},
		{name: "a table of one more", format: Table, moves: longest + 1, row: "default/pod-", want: longest, more: "… and 1 more (-o wide or -o json shows all)"},
		{name: "a wide table has all", format: Wide, moves: longest + 1, row: "default/pod-", want: longest + 1},
		{name: "a page of as many rows as it may have", format: HTML, moves: longestOnPage, row: `<th scope="row">default/<wbr>pod-`, want: longestOnPage},
		{name: "a page of more", format: HTML, moves: longestOnPage + 950, row: `<th scope="row">default/<wbr>pod-`, want: longestOnPage, more: "… and 950 more (-o wide or -o json shows all)"},
		{name: "a program gets all", format: JSON, moves: longestOnPage + 1, row: `"name": "pod-`, want: longestOnPage + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			if err := Write(&b, tt.format, many(tt.moves)); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(b.String(), tt.row); got != tt.want {
				t.Errorf("%d rows, want %d", got, tt.want)
			}
			if got := regexp.MustCompile(`… and .* more .*\)`).FindString(b.String()); got != tt.more {
				t.Errorf("left out: %q, want %q", got, tt.more)
			}
		})
	}
}

// TestPage looks at pages as browsers show them.
func TestPage(t *testing.T) {
	browser := pagetest.Start(t)
	for name, views := range map[string][]pagetest.View{"carried": pagetest.Views(pagetest.Phone, pagetest.Paper), "hostile": {pagetest.Phone}} {
		var b strings.Builder
		if err := Write(&b, HTML, documents()[name]); err != nil {
			t.Fatal(err)
		}
		for _, view := range views {
			tab := browser.Open(t, "descheduler-"+name, b.String(), view)
			want := map[string]int{"carried": 2}[name]
			if n := tab.Count(".chart svg"); n != want {
				t.Errorf("%s, %v: %d charts, want %d", name, view, n, want)
			}
			if n := tab.Count("img"); n != 0 {
				t.Errorf("%s, %v: %d images", name, view, n)
			}
		}
	}
}

// TestPrograms reads what was written back, as a program would.
func TestPrograms(t *testing.T) {
	for name, doc := range documents() {
		for _, format := range []Format{JSON, YAML} {
			var b strings.Builder
			if err := Write(&b, format, doc); err != nil {
				t.Fatal(err)
			}
			var got Report
			if err := yaml.UnmarshalStrict([]byte(b.String()), &got); err != nil {
				t.Fatalf("%s as %s: %v", name, format, err)
			}
			if diff := cmp.Diff(NewReport(doc), got); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", name, format, diff)
			}
			if nulls := regexp.MustCompile(`.*\bnull\b.*`).FindAllString(b.String(), -1); nulls != nil {
				t.Errorf("%s as %s: %q", name, format, nulls)
			}
		}
	}
}

// TestFieldsAreDocumented holds the README against a report that has every field.
func TestFieldsAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/carried.json")
	if err != nil {
		t.Fatal(err)
	}
	var report any
	if err := json.Unmarshal(data, &report); err != nil {
		t.Fatal(err)
	}
	fields := sets.New[string]()
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for name, field := range value {
				fields.Insert(name)
				if name != "plugins" { // its fields are names of plugins
					walk(field)
				}
			}
		case []any:
			for _, item := range value {
				walk(item)
			}
		}
	}
	walk(report)
	fields.Insert("dump") // a run has that or a cluster
	var missing []string
	for field := range fields {
		if !strings.Contains(string(readme), "`"+field+"`") {
			missing = append(missing, field)
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("fields that README.md does not have: %q", missing)
	}
}
