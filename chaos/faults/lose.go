package faults

import (
	"context"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
)

// Lose removes the nodes of a choice: down, or drained with default settings.
func Lose(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	kind := drained
	if choice.How == assess.Down {
		kind = down
	}
	return loss{kind: kind, spares: !choice.IncludeDoNotDisrupt}.Inject(ctx, env, choice)
}
