package report

import (
	"cmp"
	"slices"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// By is the cause of a broken budget.
type By string

const (
	// ByRun: the budget would have held without the victims that had no replacement yet.
	ByRun By = "run"
	// ByOthers: the budget would not have held without them either, or there were none.
	ByOthers By = "others"
)

// Budget is the status of a PodDisruptionBudget during the run.
type Budget struct {
	Budget string `json:"budget"`
	// Healthy and Desired are those of the worst moment. Allowed is the minimum of allowed
	// disruptions.
	Healthy int `json:"healthy"`
	Desired int `json:"desired"`
	Allowed int `json:"allowed"`
	// Broken means that there were fewer healthy pods than required. BrokenSeconds is for how
	// long in total, and By the cause: the run if it caused one violation, as far as the journal
	// shows.
	Broken        bool    `json:"broken"`
	BrokenSeconds float64 `json:"brokenSeconds"`
	By            By      `json:"by,omitempty"`
	// Moments is the status on every change.
	Moments []BudgetMoment `json:"moments"`
}

// BudgetMoment is the status of a budget from a moment on.
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
