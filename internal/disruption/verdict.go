package disruption

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Rule is what decides about a pod.
type Rule string

// The rules that let a pod go. All but WithinBudget take nothing from a budget.
const (
	// NoBudget: no budget selects the pod.
	NoBudget Rule = "NoBudget"
	// Terminal: the pod has succeeded or failed, and counts nowhere.
	Terminal Rule = "Terminal"
	// CannotStart: the pod is pending and does not come up where it is, so whoever waits for
	// it waits in vain.
	CannotStart Rule = "CannotStart"
	// AlreadyUnavailable: the pod is starting or not ready, so its budget misses it
	// already, and has enough healthy pods or always allows such evictions.
	AlreadyUnavailable Rule = "AlreadyUnavailable"
	// OnRequest: the budget has no room, and an operator moves the pod itself when it is asked
	// to by an eviction, which its webhook denies. If nobody does, the API server asks the budget.
	OnRequest Rule = "OnRequest"
	// WithinBudget: the budget has room for one more disruption.
	WithinBudget Rule = "WithinBudget"
)

// The rules that keep a pod.
const (
	// NotInPicture: the ledger knows no such pod.
	NotInPicture Rule = "NotInPicture"
	// AlreadyEvicted: this run has evicted the pod and the picture does not show it yet.
	AlreadyEvicted Rule = "AlreadyEvicted"
	// Terminating: the pod is being deleted, or its eviction goes on in the background.
	Terminating Rule = "Terminating"
	// SeveralBudgets: the API server evicts no pod under two budgets that is not pending.
	SeveralBudgets Rule = "SeveralBudgets"
	// StaleStatus: the disruption controller has not seen the budget as it is.
	StaleStatus Rule = "StaleStatus"
	// BudgetSpent: the budget has no room for one more disruption.
	BudgetSpent Rule = "BudgetSpent"
	// BudgetShort: the pod is starting and its budget lacks healthy pods: it may be the
	// very pod that is awaited.
	BudgetShort Rule = "BudgetShort"
	// UnknownPolicy: the budget has an unhealthyPodEvictionPolicy of a later release.
	UnknownPolicy Rule = "UnknownPolicy"
)

// free says whether an eviction under the rule takes nothing from any budget.
func (r Rule) free() bool {
	return r == NoBudget || r == Terminal || r == CannotStart || r == AlreadyUnavailable || r == OnRequest || r == Terminating
}

// Verdict says whether a pod may be evicted now.
type Verdict struct {
	Allowed bool
	Rule    Rule
	// Budget is the one that decided; empty where none did.
	Budget types.NamespacedName
	// Reason is a sentence about a pod that is kept, with the budgets' names.
	Reason string
}

// May says whether the pod may be evicted now. Where it says yes the API server does
// too, but it is stricter than the server with pods that are starting. The server evicts
// pending pods without asking any budget, so whoever evicts replacements before they run
// keeps a workload down for good. Here a pod that is starting counts as unavailable, goes only
// while its budgets have enough healthy pods without it (or always allow it), and then costs
// nothing. One that cannot start goes: nobody gains by waiting for it.
func (l *Ledger) May(pod *corev1.Pod) Verdict {
	if _, gone := l.spent[pod.UID]; gone {
		return Verdict{Rule: AlreadyEvicted, Reason: "this run has evicted it, and the picture does not show that yet"}
	}
	e := l.pods[pod.UID]
	switch {
	case e == nil:
		return Verdict{Rule: NotInPicture, Reason: "the picture has no such pod: take a new one"}
	case e.pod.DeletionTimestamp != nil:
		return Verdict{Rule: Terminating, Reason: "it is being deleted already"}
	case cluster.Leaving(e.pod):
		return Verdict{Rule: Terminating, Reason: "its eviction goes on in the background already"}
	case terminal(e.pod):
		return Verdict{Allowed: true, Rule: Terminal}
	case len(e.covering) == 0:
		return Verdict{Allowed: true, Rule: NoBudget}
	case isPending(e.pod):
		return l.mayPending(e)
	}
	v := Verdict{Rule: SeveralBudgets, Reason: severalBudgets(e.covering)}
	if len(e.covering) == 1 {
		v = e.covering[0].verdict(e.pod)
	}
	if !v.Allowed && cluster.MovedOnRequest(e.pod) {
		return Verdict{Allowed: true, Rule: OnRequest}
	}
	return v
}

// mayPending says whether a pending pod may go, which any number of budgets cover.
func (l *Ledger) mayPending(e *entry) Verdict {
	if cluster.CannotStart(e.pod, l.nodes[e.pod.Spec.NodeName]) != "" {
		return Verdict{Allowed: true, Rule: CannotStart}
	}
	var v Verdict
	for _, b := range e.covering {
		if v = b.verdict(e.pod); !v.Allowed {
			v.Reason = "it is starting, as far as its status tells, and may be waited for: " + v.Reason
			break
		}
	}
	return v
}

// verdict says whether the pod may go under this budget alone.
func (b *budget) verdict(pod *corev1.Pod) Verdict {
	rule := b.decide(pod)
	v := Verdict{Allowed: rule == WithinBudget || rule == AlreadyUnavailable, Rule: rule, Budget: b.key()}
	switch {
	case v.Allowed:
	case rule == UnknownPolicy:
		v.Reason = fmt.Sprintf("budget %s has the policy %q for pods that are not ready, which is not known here", b.key(), *b.Spec.UnhealthyPodEvictionPolicy)
	default:
		v.Reason = b.why()
	}
	return v
}

// decide returns the rule for a pod that may become ready, under this budget alone.
func (b *budget) decide(pod *corev1.Pod) Rule {
	starting := isPending(pod)
	if starting || !Ready(pod) {
		switch policy := b.Spec.UnhealthyPodEvictionPolicy; {
		case policy == nil || *policy == policyv1.IfHealthyBudget:
		case *policy == policyv1.AlwaysAllow:
			return AlreadyUnavailable
		default:
			return UnknownPolicy
		}
		kept, needs := b.keeps()
		switch {
		case !b.current():
			return StaleStatus
		// Of a budget that needs no healthy pod the API server takes a disruption for
		// a running pod that is not ready, and refuses it where no pod is healthy.
		case kept && (needs || starting):
			return AlreadyUnavailable
		case starting:
			return BudgetShort
		}
	}
	switch {
	case !b.current():
		return StaleStatus
	case b.allowed() == 0:
		return BudgetSpent
	}
	return WithinBudget
}

func severalBudgets(covering []*budget) string {
	var names []string
	for _, b := range covering {
		names = append(names, b.key().String())
	}
	return fmt.Sprintf("%d budgets select it (%s), and the API server evicts no such pod: leave one of them", len(names), strings.Join(names, ", "))
}
