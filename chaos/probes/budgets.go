package probes

import (
	"context"
	"fmt"
	"strings"
	"sync"

	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/report"
)

type budgetsArgs struct{ inNamespaces }

// budgets looks whether a PodDisruptionBudget is short of healthy pods, by its status: both
// figures in it are of one moment.
type budgets struct {
	budgetsArgs

	mu sync.Mutex
	// met is what each budget demanded when it last had it. A budget that demands more since
	// its workload grows lacks pods that have yet to start, and none that was lost.
	met map[types.NamespacedName]int32
}

func newBudgets(args budgetsArgs, fail failure) steady.Probe {
	args.validate(fail)
	return &budgets{budgetsArgs: args, met: map[types.NamespacedName]int32{}}
}

// Check implements steady.Probe.
func (b *budgets) Check(_ context.Context, env steady.Env) (steady.Observation, error) {
	picture := env.Picture()
	if missing := b.missing(picture.Snapshot); missing != nil {
		return nothing("no namespace %s", strings.Join(missing, ", ")), nil
	}
	counted := 0
	var short []string
	for _, pdb := range picture.Budgets {
		// A status older than the spec says nothing of it yet.
		if !b.has(pdb.Namespace) || pdb.Status.ObservedGeneration != pdb.Generation {
			continue
		}
		counted++
		if demand := b.demand(pdb); pdb.Status.CurrentHealthy < demand {
			short = append(short, fmt.Sprintf("%s/%s has %s, but needs %d", pdb.Namespace, pdb.Name, report.Count(int(pdb.Status.CurrentHealthy), "healthy pod"), demand))
		}
	}
	switch {
	case len(short) > 0:
		return steady.Observation{Message: "budget " + summary(short)}, nil
	case counted == 0:
		return nothing("there is no PodDisruptionBudget to check"), nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%[1]d of %[1]d budgets have enough healthy pods", counted)}, nil
}

// demand returns how many healthy pods the budget has to have now.
func (b *budgets) demand(pdb *policyv1.PodDisruptionBudget) int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := types.NamespacedName{Namespace: pdb.Namespace, Name: pdb.Name}
	if pdb.Status.CurrentHealthy >= pdb.Status.DesiredHealthy {
		b.met[name] = pdb.Status.DesiredHealthy
	}
	if met, has := b.met[name]; has {
		return min(met, pdb.Status.DesiredHealthy)
	}
	return pdb.Status.DesiredHealthy
}
