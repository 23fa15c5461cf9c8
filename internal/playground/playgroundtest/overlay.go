package playgroundtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// WriteOverlay writes what a user would to change our manifests, and returns its folder. In
// the files, CONFIG is the folder that ours are in.
func WriteOverlay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	config, err := playground.ProjectRoot()
	if err == nil {
		config, err = filepath.Rel(dir, filepath.Join(config, "config"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.ReplaceAll(content, "CONFIG", config)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
