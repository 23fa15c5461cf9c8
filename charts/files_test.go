package charts_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	goyaml "sigs.k8s.io/yaml/goyaml.v3"
)

func diff(want, got string) string {
	return cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n"))
}

// shipped are the files of config/ that the chart reads.
var shipped = []string{
	"scheduler/config.yaml",
	"scheduler/rbac.yaml",
	"scheduler/autoscaler/webhook/policies.yaml",
	"scheduler/autoscaler/webhook/rbac.yaml",
	"scheduler/autoscaler/webhook/scheduler-rbac.yaml",
	"scheduler/autoscaler/webhook/webhook.yaml",
	"scheduler/route/policy.yaml",
	"descheduler/base/policy.yaml",
	"descheduler/base/rbac.yaml",
	"descheduler/components/stand-ins/rbac.yaml",
	"descheduler/deployment/election.yaml",
	"descheduler/deployment/metrics.yaml",
	"chaos/base/rbac.yaml",
	"chaos/components/delete/rbac.yaml",
	"chaos/components/latency/rbac.yaml",
	"chaos/components/nodes/rbac.yaml",
	"chaos/components/scale/rbac.yaml",
	"chaos/components/stand-ins/rbac.yaml",
	"chaos/deployment/metrics.yaml",
	"chaos/watch/rbac.yaml",
	"monitoring/dashboards/*.json",
	"monitoring/rules/*.yaml",
}

// TestFilesAreThoseOfConfig covers that what the chart reads of config/ is what is there. It has
// copies: where a chart is taken from a repository, links are not.
func TestFilesAreThoseOfConfig(t *testing.T) {
	const files = chart + "/files"
	var want []string
	for _, pattern := range shipped {
		paths, err := filepath.Glob("../config/" + pattern)
		if err != nil || len(paths) == 0 && !strings.Contains(pattern, "*") {
			t.Fatalf("config/ has no %s, %v", pattern, err)
		}
		for _, path := range paths {
			name := strings.TrimPrefix(path, "../config/")
			original, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(files, name), string(original))
			want = append(want, name)
		}
	}
	var got []string
	err := filepath.WalkDir(files, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got = append(got, strings.TrimPrefix(path, files+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-config +chart):\n%s", diff)
	}
}

// value is one that can be set, with its default and what values.yaml says of it.
type value struct{ path, standard, comment string }

// values returns all of values.yaml in their order. A map with keys of its own is no value, but
// for resources and labels, which are given as a whole.
func values(t *testing.T) []value {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document goyaml.Node
	if err := goyaml.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	var all []value
	var walk func(path, above string, n *goyaml.Node)
	walk = func(path, above string, n *goyaml.Node) {
		if n.Kind == goyaml.MappingNode && len(n.Content) > 0 && !strings.HasSuffix(path, "resources") && !strings.HasSuffix(path, "labels") {
			for i := 0; i < len(n.Content); i += 2 {
				key := n.Content[i]
				walk(strings.TrimPrefix(path+"."+key.Value, "."), key.HeadComment, n.Content[i+1])
			}
			return
		}
		var standard any
		if err := n.Decode(&standard); err != nil {
			t.Fatal(err)
		}
		shown, err := json.Marshal(standard)
		if err != nil {
			t.Fatal(err)
		}
		paragraphs := strings.Split(above, "\n\n")
		comment := strings.TrimPrefix(strings.ReplaceAll(paragraphs[len(paragraphs)-1], "\n# ", " "), "# ")
		all = append(all, value{path, string(shown), comment})
	}
	walk("", "", document.Content[0])
	return all
}

// TestValuesAreDocumented covers that each value has a comment, a line in the README and a place
// in the schema.
func TestValuesAreDocumented(t *testing.T) {
	const begin, end = "<!-- values: written by go test ./charts -update -->\n", "<!-- end of values -->"
	path := filepath.Join(chart, "README.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the values between %q and %q", path, begin, end)
	}
	var table strings.Builder
	table.WriteString("\n| value | default | |\n|---|---|---|\n")
	var paths []string
	for _, v := range values(t) {
		paths = append(paths, v.path)
		if v.comment == "" {
			t.Errorf("values.yaml says nothing of %s", v.path)
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", v.path, v.standard, v.comment)
	}
	golden(t, path, before+begin+table.String()+"\n"+end+after)

	slices.Sort(paths)
	known := schemaPaths(t)
	slices.Sort(known)
	if diff := cmp.Diff(paths, known); diff != "" {
		t.Errorf("values (-values.yaml +values.schema.json):\n%s", diff)
	}
}

// schemaPaths returns the paths of all values that the schema knows.
func schemaPaths(t *testing.T) []string {
	t.Helper()
	var root map[string]any
	data, err := os.ReadFile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	definitions := root["definitions"].(map[string]any)
	var paths []string
	var walk func(path string, schema map[string]any)
	walk = func(path string, schema map[string]any) {
		if ref, is := schema["$ref"].(string); is && strings.HasSuffix(ref, "/image") {
			schema = definitions["image"].(map[string]any)
		}
		properties, _ := schema["properties"].(map[string]any)
		if len(properties) == 0 {
			paths = append(paths, path)
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s may have keys that nobody knows", path)
		}
		for key, property := range properties {
			// Helm hands that to each chart that another depends on.
			if path != "" || key != "global" {
				walk(strings.TrimPrefix(path+"."+key, "."), property.(map[string]any))
			}
		}
	}
	walk("", root)
	return paths
}
