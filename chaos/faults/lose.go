package faults

import (
	"context"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
)

// Lose takes away nodes that somebody has chosen, as the choice says: down, or drained with
// nothing but defaults.
func Lose(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	kind := drained
	if choice.How == assess.Down {
		kind = down
	}
	return loss{kind: kind, spares: !choice.IncludeDoNotDisrupt}.Inject(ctx, env, choice)
}
