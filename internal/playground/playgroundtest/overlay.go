package playgroundtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// WriteOverlay writes a user's overlay of our manifests, and returns its directory. In the
// files, CONFIG is the directory of the manifests.
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
