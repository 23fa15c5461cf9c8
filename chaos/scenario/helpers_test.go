package scenario_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/probes"
	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// podArgs and nodeArgs stand for the arguments of faults.
type podArgs struct {
	Labels     string `json:"labels,omitempty"`
	Namespaces string `json:"namespaces,omitempty"`
	MaxKill    int    `json:"maxKill,omitempty" schema:"minimum=0"`
}

type nodeArgs struct {
	Labels   string          `json:"labels,omitempty"`
	Kind     string          `json:"kind,omitempty" schema:"enum=down|drained"`
	Count    uint            `json:"count,omitempty"`
	Percent  uint            `json:"percent,omitempty"`
	Duration metav1.Duration `json:"duration,omitzero"`
	Notice   metav1.Duration `json:"notice,omitzero"`
}

// fake is a fault that does nothing.
type fake[A any] struct{ args A }

func (fake[A]) Choose(*target.Picture, draw.Seed) (*fault.Choice, error) { return nil, nil }

func (fake[A]) Inject(context.Context, fault.Env, *fault.Choice) error { return nil }

// newFake returns a fault plugin with arguments of type A.
func newFake[A any](t *testing.T, name string, check func(A) error) fault.Plugin {
	t.Helper()
	fragment, err := schema.Of(*new(A))
	if err != nil {
		t.Fatal(err)
	}
	return fault.Plugin{Name: name, Short: "does nothing", Schema: fragment, New: func(arguments []byte) (fault.Fault, error) {
		var args A
		if err := strict.Unmarshal(arguments, &args); err != nil {
			return nil, err
		}
		return fake[A]{args}, check(args)
	}}
}

func fakes(t *testing.T) []fault.Plugin {
	pods := func(args podArgs) error {
		if args.MaxKill < 0 {
			return errors.Join(field.Errorf("maxKill", "must be 0 or more"), errors.New("and the rest is bad too"))
		}
		return nil
	}
	nodes := func(args nodeArgs) error {
		if args.Kind != "" && !slices.Contains([]string{"down", "drained"}, args.Kind) {
			return field.Errorf("kind", "must be down or drained, not %q", args.Kind)
		}
		if args.Duration.Duration < 0 || args.Notice.Duration < 0 {
			return errors.New("times must be 0 or more")
		}
		return nil
	}
	return []fault.Plugin{
		newFake(t, "evict", pods), newFake(t, "node", nodes), newFake(t, "zone", nodes), newFake(t, "spot", nodes),
		{Name: "bare", New: func([]byte) (fault.Fault, error) { return fake[struct{}]{}, nil }},
	}
}

var allProbes = probes.All()
