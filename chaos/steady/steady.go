// Package steady checks the steady state of a cluster: the conditions that a run must not
// break. Probes are pluggable.
package steady

import (
	"context"
	"encoding/json"

	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// Env is what probes work with.
type Env struct {
	Client kubernetes.Interface
	// Picture returns the cluster as it is now.
	Picture func() *target.Picture
}

// Observation is the result of a check.
type Observation struct {
	OK bool
	// Nothing means that there was nothing to check. The result is then neither OK nor a broken
	// steady state.
	Nothing bool
	// Message says what the probe found, and what it expected.
	Message string
}

// Probe is one condition of the steady state.
type Probe interface {
	// Check checks once. An error means that the check could not be made, which counts as a
	// failure. Check returns when the context ends.
	Check(ctx context.Context, env Env) (Observation, error)
}

// Plugin is a probe that scenarios can name.
type Plugin struct {
	Name string
	// Short describes it in one line.
	Short string
	// New parses the arguments of the probe, a JSON object, strictly.
	New func(arguments []byte) (Probe, error)
	// Schema is a JSON schema of the arguments. Without one, editors accept any object.
	Schema json.RawMessage
}
