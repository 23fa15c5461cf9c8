package charts_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

var update = flag.Bool("update", false, "write the chart's copies of config, the table of its values and the golden files anew")

const chart = "stowage"

// The versions of Helm that render the chart, by what `make helm` calls them.
const (
	helm4 = "helm"
	helm3 = "helm3"
)

// helm runs a version of Helm, and returns what it prints and, if it fails, why.
func helm(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	lookAtChart(t)
	return playgroundtest.Run(t, program, args...)
}

// lookAtChart has go test know that its result depends on the chart: it does not see Helm look.
func lookAtChart(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(chart, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		_, err = os.Stat(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// release is what is rendered: with values, and as a release of a name in a namespace.
type release struct {
	name, namespace, kubernetes, values string
	sets                                []string
}

// args are those of `helm template`.
func (r release) args(t *testing.T) []string {
	t.Helper()
	or := func(given, otherwise string) string {
		if given == "" {
			return otherwise
		}
		return given
	}
	args := []string{
		"template", or(r.name, "stowage"), chart, "--namespace", or(r.namespace, "stowage-system"),
		"--kube-version", or(r.kubernetes, strings.TrimPrefix(playgroundtest.KubernetesVersion(t), "v")),
	}
	if r.values != "" {
		args = append(args, "--values", write(t, "values.yaml", r.values))
	}
	for _, set := range r.sets {
		args = append(args, "--set", set)
	}
	return args
}

// render returns the objects of a release.
func (r release) render(t *testing.T, program string) []*unstructured.Unstructured {
	t.Helper()
	out, err := helm(t, program, r.args(t)...)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, out)
}

func decode(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	if err := manifests.CheckKeys([]byte(text)); err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// write writes a file that is gone with the test, and returns its path.
func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// golden compares a text with the file that holds what it is to be.
func golden(t *testing.T, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is out of date: if the change is meant, go test ./charts -update", path)
	t.Log(diff(string(want), got))
}
