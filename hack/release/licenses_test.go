package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// files writes files into a folder, by their paths in it, and returns the folder.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range content {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestCollect(t *testing.T) {
	goroot := files(t, map[string]string{"LICENSE": "BSD, by Go", "src/fmt/print.go": "package fmt"})
	ours := files(t, map[string]string{"LICENSE": "Apache", "cmd/main.go": "package main"})
	two := files(t, map[string]string{
		"LICENSE.md": "Apache\r\n", "NOTICE": "made by two", "a/license.go": "package a", "copied/COPYING": "MIT, by three", "unused/LICENSE": "not linked",
	})
	four := files(t, map[string]string{"License": "Apache\n"})
	got, err := collect("stowage-example", goroot, "go1.26.0", []linked{
		{ImportPath: "fmt", Dir: filepath.Join(goroot, "src/fmt"), Standard: true},
		{ImportPath: "ours/cmd", Dir: filepath.Join(ours, "cmd"), Module: &module{Path: "example.com/ours", Dir: ours, Main: true}},
		{ImportPath: "two/a", Dir: filepath.Join(two, "a"), Module: &module{Path: "example.com/two", Version: "v2.0.0", Dir: two}},
		{ImportPath: "two/copied", Dir: filepath.Join(two, "copied"), Module: &module{Path: "example.com/two", Version: "v2.0.0", Dir: two}},
		{ImportPath: "old", Dir: four, Module: &module{Path: "example.com/old", Version: "v1.0.0", Dir: four, Replace: &module{Path: "example.com/four", Version: "v4.0.0", Dir: four}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	line, thin := strings.Repeat("=", 80), strings.Repeat("-", 80)
	want := `stowage-example is linked with what is listed here, under the licenses below each list.

` + line + `

example.com/four v4.0.0: License
example.com/ours: LICENSE
example.com/two v2.0.0: LICENSE.md

` + thin + `

Apache

` + line + `

example.com/two v2.0.0: NOTICE

` + thin + `

made by two

` + line + `

example.com/two v2.0.0: copied/COPYING

` + thin + `

MIT, by three

` + line + `

the Go standard library go1.26.0: LICENSE

` + thin + `

BSD, by Go
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCollectRefusesAModuleWithoutALicense(t *testing.T) {
	dir := files(t, map[string]string{"a/a.go": "package a"})
	_, err := collect("stowage-example", "/goroot", "go1.26.0", []linked{
		{ImportPath: "example.com/none/a", Dir: filepath.Join(dir, "a"), Module: &module{Path: "example.com/none", Version: "v1.0.0", Dir: dir}},
	})
	if err == nil || !strings.Contains(err.Error(), "stowage-example is linked with example.com/none v1.0.0, which has no file with a license") {
		t.Errorf("error %v", err)
	}
}
