package playgroundtest

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// Port returns a port of 127.0.0.1 that nobody gets but a program with --permit-port-sharing,
// until the test ends.
func Port(t *testing.T) string {
	t.Helper()
	port, err := playground.ReservePort(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Close)
	return strconv.Itoa(port.Number)
}

// Environ returns the environment without a cluster that it names, and with a home that is
// empty: a program under test must not go by where it is tested.
func Environ(t *testing.T) []string {
	t.Helper()
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "HOME" || name == "KUBECONFIG" || name == "KUBERNETES_SERVICE_HOST"
	})
	return append(env, "HOME="+t.TempDir())
}

// KubernetesVersion returns the version that programs are linked with: that of go.mod.
func KubernetesVersion(t *testing.T) string {
	t.Helper()
	root, err := playground.ProjectRoot()
	if err != nil {
		t.Fatal(err)
	}
	modules, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(modules)) {
		if version, is := strings.CutPrefix(strings.TrimSpace(line), "k8s.io/kubernetes "); is {
			return version
		}
	}
	t.Fatal("go.mod requires no k8s.io/kubernetes")
	return ""
}
