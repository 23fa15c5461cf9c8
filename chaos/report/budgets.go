package report

import (
	"cmp"
	"slices"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// By is who broke a budget.
type By string

const (
	// ByRun: with the pods that the run chose, and that had no replacement yet, it would
	// have held.
	ByRun By = "run"
	// ByOthers: it would not have held with them either, or there were none.
	ByOthers By = "others"
)

// Budget is how a PodDisruptionBudget did, by its status.
type Budget struct {
	Budget string `json:"budget"`
	// Healthy and Desired are those of the worst moment, and Allowed is the least
	// disruptions that it allowed at any.
	Healthy int `json:"healthy"`
	Desired int `json:"desired"`
	Allowed int `json:"allowed"`
	// Broken says that fewer pods were healthy than it demands, for how long in all, and
	// By whom: the run if it broke it once, as far as the journal tells.
	Broken        bool    `json:"broken"`
	BrokenSeconds float64 `json:"brokenSeconds"`
	By            By      `json:"by,omitempty"`
	// Moments is what its status said as it changed.
	Moments []BudgetMoment `json:"moments"`
}

// BudgetMoment is what a budget's status says from then on.
type BudgetMoment struct {
	Seconds float64 `json:"seconds"`
	Healthy int     `json:"healthy"`
	Desired int     `json:"desired"`
	Allowed int     `json:"allowed"`
}

func (m BudgetMoment) spare() int { return m.Healthy - m.Desired }

func budgets(run *journal.Run, all []loss) []Budget {
	var list []Budget
	for name, entries := range run.Budgets {
		b := Budget{Budget: name, Allowed: entries[0].What.Allowed, Moments: []BudgetMoment{}}
		worst := 0
		for i, e := range entries {
			m := BudgetMoment{Seconds: since(run, e.Time), Healthy: e.What.Healthy, Desired: e.What.Desired, Allowed: e.What.Allowed}
			b.Moments = append(b.Moments, m)
			b.Allowed = min(b.Allowed, m.Allowed)
			if m.spare() < b.Moments[worst].spare() {
				worst = i
			}
		}
		b.Healthy, b.Desired = b.Moments[worst].Healthy, b.Moments[worst].Desired
		b.blame(entries, all, run)
		list = append(list, b)
	}
	slices.SortFunc(list, func(x, y Budget) int {
		return cmp.Or(cmp.Compare(x.Healthy-x.Desired, y.Healthy-y.Desired), cmp.Compare(x.Allowed, y.Allowed), cmp.Compare(x.Budget, y.Budget))
	})
	return list
}

// blame finds out how long the budget was broken, and by whom.
func (b *Budget) blame(entries []journal.Entry[journal.Budget], all []loss, run *journal.Run) {
	var drawn []loss
	for i, m := range b.Moments {
		if m.spare() >= 0 {
			continue
		}
		if !b.Broken {
			b.Broken, b.By = true, ByOthers
			drawn = drawnOf(entries[0].What, all)
		}
		until := run.Ended
		if i+1 < len(entries) {
			until = entries[i+1].Time
		}
		at := entries[i].Time
		b.BrokenSeconds = rounded(b.BrokenSeconds + max(0, until.Sub(at).Seconds()))
		ours := 0
		for _, l := range drawn {
			if !l.at.After(at) && l.waiting(at) {
				ours++
			}
		}
		if ours > 0 && m.spare()+ours >= 0 {
			b.By = ByRun
		}
	}
}

// drawnOf returns the lost pods that the run chose and the budget selects.
func drawnOf(b journal.Budget, all []loss) []loss {
	var list []loss
	for _, l := range all {
		if l.Drawn && l.Victim.Namespace == b.Namespace && slices.Contains(l.Budgets, b.Budget) {
			list = append(list, l)
		}
	}
	return list
}
