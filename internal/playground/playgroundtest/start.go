package playgroundtest

import (
	"context"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// versionVariable is the environment variable with the minor version, one of
// playground.Versions, of control planes that tests start. By default it is the linked
// version. `make test-versions` sets it.
const versionVariable = "STOWAGE_KUBERNETES"

// Start starts a playground like playground.Start, with the Kubernetes version in the
// environment.
func Start(ctx context.Context, opts playground.Options) (*playground.Playground, error) {
	opts.Kubernetes = os.Getenv(versionVariable)
	return playground.Start(ctx, opts)
}

// Linked reports whether the control planes that tests start have the version that is linked.
func Linked() bool {
	minor := os.Getenv(versionVariable)
	return minor == "" || minor == playground.LinkedVersion
}

// Since skips a test of a feature that was added in a minor version, if the playground's API
// server is older. The feature is described by its API.
func Since(t *testing.T, p *playground.Playground, minor, what string) {
	t.Helper()
	if version.MustParseSemantic(p.Kubernetes).LessThan(version.MustParseGeneric(minor)) {
		t.Skipf("the API server is of Kubernetes %s, and there is no %s before %s", p.Kubernetes, what, minor)
	}
}
