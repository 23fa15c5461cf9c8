package playgroundtest

import (
	"context"
	"os"

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
