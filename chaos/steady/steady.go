// Package steady says whether a cluster is in its steady state: what a run must not break.
// Probes are pluggable.
package steady

import (
	"context"
	"encoding/json"

	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// Env is what probes look at.
type Env struct {
	Client kubernetes.Interface
	// Picture returns the cluster as it is now.
	Picture func() *target.Picture
}

// Observation is what a probe saw.
type Observation struct {
	OK bool
	// Nothing says that there was nothing to look at, which proves nothing: it is not OK,
	// and not a broken steady state either.
	Nothing bool
	// Message says what it saw, and what it should have seen.
	Message string
}

// Probe is one condition of the steady state.
type Probe interface {
	// Check looks once. An error says that it could not look, which is not OK either. It
	// returns when the context ends.
	Check(ctx context.Context, env Env) (Observation, error)
}

// Plugin is a probe that scenarios can name.
type Plugin struct {
	Name string
	// Short says in a line what it looks at.
	Short string
	// New reads the probe's arguments, a JSON object, strictly.
	New func(arguments []byte) (Probe, error)
	// Schema is a JSON schema of the arguments; any object where there is none.
	Schema json.RawMessage
}
