package assess

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// withinBudgets returns the victims that the budgets let go at once, in their order, and
// keeps the others.
func (r *run) withinBudgets(going []*victim) []*victim {
	var may []*victim
	for _, v := range going {
		verdict := r.ledger.May(v.pod)
		if !verdict.Allowed {
			v.Fate, v.Reason = Kept, verdict.Reason
			continue
		}
		r.ledger.Spend(v.pod)
		if verdict.Rule == disruption.WithinBudget {
			r.budgets[verdict.Budget].Spent++
		}
		may = append(may, v)
	}
	return may
}

// againstBudgets takes the victims' health from their budgets, whatever these allow.
func (r *run) againstBudgets(going []*victim) {
	before := map[types.NamespacedName]int{}
	for _, v := range going {
		for _, name := range r.ledger.Covering(v.pod) {
			if _, known := before[name]; !known {
				before[name], _, _ = r.ledger.Health(name)
			}
		}
		r.ledger.Spend(v.pod)
	}
	for name, had := range before {
		has, desired, known := r.ledger.Health(name)
		b := r.budgets[name]
		b.Spent += had - has
		b.Broken = b.Broken || known && has < had && has < desired
	}
}

// drain takes the victims away in waves.
func (r *run) drain(ctx context.Context, going []*victim) error {
	byUID := make(map[types.UID]*victim, len(going))
	waiting := make([]*corev1.Pod, len(going))
	for i, v := range going {
		byUID[v.UID], waiting[i] = v, v.pod
	}
	for len(waiting) > 0 {
		plan := r.ledger.Waves(waiting, disruption.Limits{})
		for _, kept := range plan.Kept {
			v := byUID[kept.Pod.UID]
			v.Fate, v.Reason = Kept, kept.Verdict.Reason
			if r.doubtful[kept.Verdict.Budget] {
				v.Reason = "it is removed only if earlier replacements become ready, which is unknown: " + v.Reason
			}
		}
		waiting = nil
		for i, pods := range plan.Waves {
			lasting, err := r.wave(ctx, pods, byUID)
			if err != nil {
				return err
			}
			if !lasting {
				continue
			}
			// What the budgets have lost for good the plan did not reckon with.
			for _, later := range plan.Waves[i+1:] {
				waiting = append(waiting, later...)
			}
			break
		}
	}
	return nil
}

// wave takes the pods away at once, and says whether their budgets keep on missing any of
// them: those that are not replaced are spent for good.
func (r *run) wave(ctx context.Context, pods []*corev1.Pod, byUID map[types.UID]*victim) (lasting bool, err error) {
	spent := map[types.NamespacedName]int{}
	var wave, charged []*victim
	for _, pod := range pods {
		v := byUID[pod.UID]
		if verdict := r.ledger.May(pod); verdict.Rule == disruption.WithinBudget {
			spent[verdict.Budget]++
			charged = append(charged, v)
		}
		wave = append(wave, v)
	}
	for name, n := range spent {
		r.budgets[name].Spent = max(r.budgets[name].Spent, n)
	}
	if err := r.lose(ctx, wave, r.waves+1); err != nil {
		return false, err
	}
	for _, v := range charged {
		if v.Fate != Fits {
			for _, name := range r.ledger.Covering(v.pod) {
				r.doubtful[name] = r.doubtful[name] || v.Fate == Unknown
			}
			r.ledger.Spend(v.pod)
			lasting = true
		}
	}
	return lasting, nil
}
