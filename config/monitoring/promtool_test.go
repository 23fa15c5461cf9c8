package monitoring

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// needVariable is the environment variable by which a test fails where Prometheus is not
// installed. Without it, the test is skipped.
const needVariable = "STOWAGE_NEED_PROMETHEUS"

// prometheusProgram returns a program of Prometheus: one that is installed, or that hack/prometheus.sh
// has unpacked.
func prometheusProgram(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	root, err := playground.ProjectRoot()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "out/peers/prometheus/usr/bin", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv(needVariable) != "" {
		t.Fatalf("there is no %s, and %s is set: hack/prometheus.sh installs it", name, needVariable)
	}
	t.Skipf("there is no %s: hack/prometheus.sh installs it", name)
	return ""
}

// promtool runs promtool on files.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(prometheusProgram(t, "promtool"), args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// TestRulesByPromtool has promtool check the rules, and run their tests.
func TestRulesByPromtool(t *testing.T) {
	promtool(t, slices.Concat([]string{"check", "rules", "--lint-fatal"}, files(t, "rules/*.yaml"))...)
	promtool(t, slices.Concat([]string{"test", "rules"}, files(t, "tests/*.yaml"))...)
}
