package playgroundtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// Port reserves a port of 127.0.0.1 until the end of the test. Only a program with
// --permit-port-sharing can use it.
func Port(t *testing.T) string {
	t.Helper()
	port, err := playground.ReservePort(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Close)
	return strconv.Itoa(port.Number)
}

// Environ returns the environment without a cluster, and with an empty home directory: a
// program under test must not depend on the machine.
func Environ(t *testing.T) []string {
	t.Helper()
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return name == "HOME" || name == "KUBECONFIG" || name == "KUBERNETES_SERVICE_HOST"
	})
	return append(env, "HOME="+t.TempDir())
}

// Run runs a program that make has built, isolated from the machine, also in cleanups. It
// returns the output of the program and, if it fails, the error.
func Run(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	cmd.Env = Environ(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// KubernetesVersion returns the version that programs link, which is that in go.mod.
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
