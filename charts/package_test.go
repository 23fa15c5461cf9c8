package charts_test

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
)

// TestPackage packages the chart, pushes it to a registry, and renders what comes from there.
func TestPackage(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	address := "oci://" + strings.TrimPrefix(server.URL, "http://") + "/charts"
	dir := t.TempDir()
	if _, err := helm(t, helm4, "package", chart, "--destination", dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v was packaged, %v", entries, err)
	}
	if _, err := helm(t, helm4, "push", filepath.Join(dir, entries[0].Name()), address, "--plain-http"); err != nil {
		t.Fatal(err)
	}
	args := release{}.args(t)
	here, err := helm(t, helm4, args...)
	if err != nil {
		t.Fatal(err)
	}
	args[2] = address + "/stowage"
	for _, program := range []string{helm4, helm3} {
		there, err := helm(t, program, append(args, "--plain-http")...)
		if err != nil {
			t.Fatal(err)
		}
		// Helm 3 orders objects of a kind in another way.
		if diff := cmp.Diff(byKey(decode(t, here)), byKey(decode(t, there))); diff != "" {
			t.Errorf("%s renders of the package (-folder +package):\n%s", program, diff)
		}
	}
}
