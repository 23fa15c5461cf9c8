package playground_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// TestVersions is about the versions that can be asked for: those that can be had.
func TestVersions(t *testing.T) {
	entries, err := os.ReadDir("kubernetes")
	if err != nil {
		t.Fatal(err)
	}
	var pinned []string
	for _, entry := range entries {
		pinned = append(pinned, entry.Name())
	}
	if diff := cmp.Diff(append(pinned, playground.LinkedVersion), playground.Versions); diff != "" {
		t.Errorf("versions (-those with a module, and the one that is linked, +those that can be asked for):\n%s", diff)
	}
}
