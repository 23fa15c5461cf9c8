// Package docs checks what the pages here say against the sources.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	_ "k8s.io/kubernetes/pkg/features"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

const page = "kubernetes-versions.md"

// TestPageNamesWhatThereIs fails when a test goes that the page promises.
func TestPageNamesWhatThereIs(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == "../.git" || path == "../out"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		code.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test[A-Z]\\w+)`").FindAllStringSubmatch(docstest.Read(t, page), -1) {
		if !strings.Contains(code.String(), "func "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
	for _, link := range regexp.MustCompile(`\]\((\.\./[^)#]+)`).FindAllStringSubmatch(docstest.Read(t, page), -1) {
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}

// TestFeatureGates holds the lists of gates against the engine's own.
func TestFeatureGates(t *testing.T) {
	text, known := docstest.Read(t, page), utilfeature.DefaultMutableFeatureGate.GetAllVersioned()
	_, gone, found := strings.Cut(text, "## Feature gates that are gone\n")
	gone, table, found2 := strings.Cut(gone, "## Feature gates that touch us\n")
	paragraphs := strings.Split(strings.TrimSpace(gone), "\n\n")
	if !found || !found2 || len(paragraphs) != 2 {
		t.Fatal("the page has another form")
	}
	names := regexp.MustCompile(`\w+`).FindAllString(paragraphs[1], -1)
	if len(names) < 20 {
		t.Errorf("only %d gates are gone", len(names))
	}
	for _, name := range names {
		if known[featuregate.Feature(name)] != nil {
			t.Errorf("the engine knows %s", name)
		}
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | ")
		specs := known[featuregate.Feature(cells[0])]
		if len(cells) != 5 || cells[0] == "gate" {
			continue
		}
		rows++
		want := []string{cells[0]}
		for _, minor := range []string{"1.34", "1.35", "1.36", "1.37"} {
			want = append(want, stateIn(specs, version.MustParse(minor)))
		}
		if diff := cmp.Diff(want, cells); diff != "" {
			t.Errorf("(-engine +page):\n%s", diff)
		}
	}
	if rows < 20 {
		t.Errorf("only %d gates", rows)
	}
}

// stateIn returns what a gate is in a version, as the page has it; specs are in order.
func stateIn(specs featuregate.VersionedSpecs, minor *version.Version) string {
	state := "–"
	for _, spec := range specs {
		if spec.Version.GreaterThan(minor) {
			break
		}
		state = strings.ToLower(string(spec.PreRelease))
		if spec.PreRelease == featuregate.GA {
			state = "GA"
		}
		if spec.LockToDefault {
			state += " locked"
		} else if spec.Default {
			state += " on"
		}
	}
	return state
}
