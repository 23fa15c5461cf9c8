// Package audit finds workloads that are less resilient than they could be: in a cluster, a dump,
// or manifests.
package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// Severity is the severity of a finding.
type Severity string

const (
	// High: the loss of one pod or node stops the workload, or it cannot be drained.
	High Severity = "high"
	// Medium: a likely fault, or a wrong estimate of one, reduces availability.
	Medium Severity = "medium"
	// Low: availability depends on chance.
	Low Severity = "low"
)

// severities are all of them, the worst first.
var severities = []Severity{High, Medium, Low}

// ParseSeverity parses a severity.
func ParseSeverity(text string) (Severity, error) {
	if s := Severity(text); slices.Contains(severities, s) {
		return s, nil
	}
	return "", fmt.Errorf("severity must be one of high, medium, low, not %q", text)
}

// AtLeast says whether the severity is at least as high as the other. "", the worst of no
// findings, never is.
func (s Severity) AtLeast(other Severity) bool {
	i := slices.Index(severities, s)
	return i >= 0 && i <= slices.Index(severities, other)
}

// Finding is a problem that was found.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	// Object is kind, namespace and name, such as "Deployment shop/web".
	Object string `json:"object"`
	// File is the manifest of the object.
	File string `json:"file,omitempty"`
	// Message describes the problem, and Fix what to do.
	Message string `json:"message"`
	Fix     string `json:"fix"`
}

// Unchecked is a rule that could not be checked everywhere.
type Unchecked struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
}

// Report is the result of an audit.
type Report struct {
	// Workloads and Budgets are the number of checked objects.
	Workloads int `json:"workloads"`
	Budgets   int `json:"budgets"`
	// Findings are by severity, the worst first, then by rule and object.
	Findings []Finding `json:"findings"`
	// Unchecked are the rules that could not be checked, or not everywhere.
	Unchecked []Unchecked `json:"unchecked,omitempty"`
	// Notes are other remarks, such as what could not be read.
	Notes []string `json:"notes,omitempty"`
}

// Worst returns the highest severity of all findings, or "".
func (r *Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}

// Options are the options of an audit.
type Options struct {
	// Rules are the rules to check, see Rules and Select.
	Rules []Rule
	// Namespace says whether a namespace is checked; nil means UserNamespace.
	Namespace func(string) bool
	// Preemptible recognizes preemptible nodes.
	Preemptible preemptible.Recognizer
}

// systemNamespaces are the cluster's own.
var systemNamespaces = []string{"kube-system", "kube-public", "kube-node-lease"}

// UserNamespace says whether a namespace is not a system namespace.
func UserNamespace(name string) bool { return !slices.Contains(systemNamespaces, name) }

// Run checks the rules.
func Run(inventory *Inventory, opts Options) *Report {
	look := opts.Namespace
	if look == nil {
		look = UserNamespace
	}
	inventory = inventory.within(look)
	r := &Report{Workloads: len(inventory.Workloads), Budgets: len(inventory.Budgets), Findings: []Finding{}, Notes: inventory.Notes}
	view := newView(inventory, opts.Preemptible)
	for _, rule := range opts.Rules {
		view.rule, view.unknown = rule, nil
		rule.Check(view)
		if len(view.unknown) > 0 {
			r.Unchecked = append(r.Unchecked, Unchecked{Rule: rule.Name(), Reason: strings.Join(view.unknown, "; ")})
		}
	}
	r.Findings = append(r.Findings, view.findings...)
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Object, b.Object), cmp.Compare(a.File, b.File),
		)
	})
	return r
}
