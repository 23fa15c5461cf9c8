package disruption

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Rule is why a pod may be evicted, or not.
type Rule string

// The rules that allow an eviction, or a move. All but WithinBudget take nothing from a budget.
const (
	// NoBudget: no budget selects the pod.
	NoBudget Rule = "NoBudget"
	// Terminal: the pod has succeeded or failed, and counts nowhere.
	Terminal Rule = "Terminal"
	// CannotStart: the pod is pending and cannot start on its node, so waiting for it is useless.
	CannotStart Rule = "CannotStart"
	// AlreadyUnavailable: the pod is starting or not ready, so its budget already counts it as
	// unavailable, and has enough healthy pods or always allows such evictions.
	AlreadyUnavailable Rule = "AlreadyUnavailable"
	// OnRequest: the budget allows no disruption, but an operator moves the pod itself when its
	// webhook denies an eviction. Without such an operator, the API server checks the budget.
	OnRequest Rule = "OnRequest"
	// Beside: a stand-in is ready before the pod goes, so nothing is disrupted.
	Beside Rule = "Beside"
	// WithinBudget: the budget allows one more disruption.
	WithinBudget Rule = "WithinBudget"
)

// The rules that forbid an eviction.
const (
	// NotInPicture: the snapshot does not contain the pod.
	NotInPicture Rule = "NotInPicture"
	// AlreadyEvicted: this run has evicted the pod, and the snapshot does not show it yet.
	AlreadyEvicted Rule = "AlreadyEvicted"
	// Terminating: the pod is being deleted, or evicted in the background.
	Terminating Rule = "Terminating"
	// BeingMoved: the pod is a stand-in, or is about to be replaced by one.
	BeingMoved Rule = "BeingMoved"
	// SeveralBudgets: the API server evicts no pod with two budgets, unless it is pending.
	SeveralBudgets Rule = "SeveralBudgets"
	// StaleStatus: the disruption controller has not seen the budget's current spec.
	StaleStatus Rule = "StaleStatus"
	// BudgetSpent: the budget allows no further disruption.
	BudgetSpent Rule = "BudgetSpent"
	// BudgetShort: the pod is starting and its budget lacks healthy pods, so its workload may
	// be waiting for it.
	BudgetShort Rule = "BudgetShort"
	// UnknownPolicy: the budget has an unhealthyPodEvictionPolicy of a later release.
	UnknownPolicy Rule = "UnknownPolicy"
)

// free says whether an eviction under the rule takes nothing from any budget.
func (r Rule) free() bool {
	return r == NoBudget || r == Terminal || r == CannotStart || r == AlreadyUnavailable || r == OnRequest || r == Beside || r == Terminating
}

// Verdict says whether a pod may be evicted now.
type Verdict struct {
	Allowed bool
	Rule    Rule
	// Budget is the one that decided. It is empty if none did.
	Budget types.NamespacedName
	// Reason says in a sentence why the pod may not be evicted, and names the budgets.
	Reason string
}

// May says whether the pod may be evicted now. What it allows, the API server allows too, but
// it is stricter with pods that are starting. The server evicts pending pods without checking
// any budget, so evicting replacements before they run could keep a workload down forever.
// Here, a starting pod counts as unavailable. It may be evicted only while its budgets have
// enough healthy pods without it (or always allow it), and then takes nothing from them. A pod
// that cannot start may be evicted, because waiting for it is useless.
func (l *Ledger) May(pod *corev1.Pod) Verdict {
	if _, gone := l.spent[pod.UID]; gone {
		return Verdict{Rule: AlreadyEvicted, Reason: "this run has evicted it, and the snapshot does not show that yet"}
	}
	e := l.pods[pod.UID]
	switch {
	case e == nil:
		return Verdict{Rule: NotInPicture, Reason: "the snapshot does not contain it: take a new one"}
	case e.pod.DeletionTimestamp != nil:
		return Verdict{Rule: Terminating, Reason: "it is already being deleted"}
	case cluster.Leaving(e.pod):
		return Verdict{Rule: Terminating, Reason: "it is already being evicted in the background"}
	case terminal(e.pod):
		return Verdict{Allowed: true, Rule: Terminal}
	case cluster.IsStandIn(e.pod):
		return Verdict{Rule: BeingMoved, Reason: "it stands in for a pod that is being moved (label " + cluster.StandInLabel + ")"}
	case cluster.BeingReplaced(e.pod):
		return Verdict{Rule: BeingMoved, Reason: "it is being moved: its stand-in is ready (label " + cluster.StandInLabel + ")"}
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

// MayBeside says whether the pod may be moved by a stand-in now. That takes nothing from its
// budget, so the budget need not allow anything. With several budgets, a stand-in could not be
// removed again if it is not needed.
func (l *Ledger) MayBeside(pod *corev1.Pod) Verdict {
	switch v := l.May(pod); v.Rule {
	case NotInPicture, AlreadyEvicted, Terminating, BeingMoved, SeveralBudgets:
		return v
	}
	return Verdict{Allowed: true, Rule: Beside}
}

// mayPending says whether a pending pod may be evicted. Any number of budgets may select it.
func (l *Ledger) mayPending(e *entry) Verdict {
	if cluster.CannotStart(e.pod, l.nodes[e.pod.Spec.NodeName]) != "" {
		return Verdict{Allowed: true, Rule: CannotStart}
	}
	var v Verdict
	for _, b := range e.covering {
		if v = b.verdict(e.pod); !v.Allowed {
			v.Reason = "it is starting, and a workload may be waiting for it: " + v.Reason
			break
		}
	}
	return v
}

// verdict says whether this budget alone allows the eviction.
func (b *budget) verdict(pod *corev1.Pod) Verdict {
	rule := b.decide(pod)
	v := Verdict{Allowed: rule == WithinBudget || rule == AlreadyUnavailable, Rule: rule, Budget: b.key()}
	switch {
	case v.Allowed:
	case rule == UnknownPolicy:
		v.Reason = fmt.Sprintf("budget %s has the unhealthyPodEvictionPolicy %q, which is unknown: must be IfHealthyBudget or AlwaysAllow", b.key(), *b.Spec.UnhealthyPodEvictionPolicy)
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
		// If a budget needs no healthy pod, the API server takes a disruption for a running
		// pod that is not ready, and refuses the eviction if no pod is healthy.
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
	return fmt.Sprintf("%d budgets select it (%s), and the API server evicts no pod with several budgets: delete all but one", len(names), strings.Join(names, ", "))
}
