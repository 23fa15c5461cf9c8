package playgroundtest

import (
	"context"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/stowage-k8s/stowage/internal/playground"
)

// versionVariable is the environment variable that says of which minor version of Kubernetes,
// one of playground.Versions, the control planes are that tests start. Without it they are
// of the one that is linked. `make test-versions` sets it.
const versionVariable = "STOWAGE_KUBERNETES"

// Start starts a playground, as playground.Start does, of the version of Kubernetes that the
// environment says.
func Start(ctx context.Context, opts playground.Options) (*playground.Playground, error) {
	opts.Kubernetes = os.Getenv(versionVariable)
	return playground.Start(ctx, opts)
}

// Linked says whether the control planes that tests start are of the version that is linked.
func Linked() bool {
	minor := os.Getenv(versionVariable)
	return minor == "" || minor == playground.LinkedVersion
}

// Since skips a test of what came to the API servers of a minor version of Kubernetes, where
// the playground's is older. What it is, is named with its API.
func Since(t *testing.T, p *playground.Playground, minor, what string) {
	t.Helper()
	if version.MustParseSemantic(p.Kubernetes).LessThan(version.MustParseGeneric(minor)) {
		t.Skipf("the API server is of Kubernetes %s, and there is no %s before %s", p.Kubernetes, what, minor)
	}
}
