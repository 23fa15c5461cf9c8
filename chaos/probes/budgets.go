package probes

import (
	"context"
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/chaos/steady"
)

type budgetsArgs struct{ inNamespaces }

// budgets looks whether a PodDisruptionBudget is short of healthy pods, by its status: both
// figures in it are of one moment.
type budgets struct{ budgetsArgs }

func newBudgets(args budgetsArgs, fail failure) steady.Probe {
	args.validate(fail)
	return budgets{args}
}

// Check implements steady.Probe.
func (b budgets) Check(_ context.Context, env steady.Env) (steady.Observation, error) {
	picture := env.Picture()
	if missing := b.missing(picture.Snapshot); missing != nil {
		return nothing("there is no namespace %s", strings.Join(missing, ", ")), nil
	}
	counted := 0
	var short []string
	for _, pdb := range picture.Budgets {
		// A status older than the spec says nothing of it yet.
		if !b.has(pdb.Namespace) || pdb.Status.ObservedGeneration != pdb.Generation {
			continue
		}
		counted++
		if pdb.Status.CurrentHealthy < pdb.Status.DesiredHealthy {
			short = append(short, fmt.Sprintf("%s/%s has %d healthy pods, and must have %d", pdb.Namespace, pdb.Name, pdb.Status.CurrentHealthy, pdb.Status.DesiredHealthy))
		}
	}
	switch {
	case len(short) > 0:
		return steady.Observation{Message: "budget " + summary(short)}, nil
	case counted == 0:
		return nothing("there is no PodDisruptionBudget to look at"), nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("all %d budgets have the healthy pods that they demand", counted)}, nil
}
