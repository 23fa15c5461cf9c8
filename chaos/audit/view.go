package audit

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// View is what a rule checks, and where it reports findings.
type View struct {
	*Inventory
	preemptible preemptible.Recognizer
	nodes       map[string]*corev1.Node
	budgetsOf   map[*Workload][]covering
	workloadsOf map[Budget][]covering

	rule     Rule
	findings []Finding
	unknown  []string
}

func newView(inventory *Inventory, recognizer preemptible.Recognizer) *View {
	v := &View{
		Inventory: inventory, preemptible: recognizer, nodes: map[string]*corev1.Node{},
		budgetsOf: map[*Workload][]covering{}, workloadsOf: map[Budget][]covering{},
	}
	for _, node := range inventory.Nodes {
		v.nodes[node.Name] = node
	}
	for _, c := range coverings(inventory.Budgets, inventory.Workloads) {
		v.budgetsOf[c.Workload] = append(v.budgetsOf[c.Workload], c)
		v.workloadsOf[c.budget] = append(v.workloadsOf[c.budget], c)
	}
	return v
}

const budgetKind = "PodDisruptionBudget"

func budgetName(b Budget) string { return objectName(budgetKind, b.Namespace, b.Name) }

// BudgetsOf returns the budgets that select pods of the workload.
func (v *View) BudgetsOf(w *Workload) []Budget {
	var budgets []Budget
	for _, c := range v.budgetsOf[w] {
		budgets = append(budgets, c.budget)
	}
	return budgets
}

// NodesOf returns the nodes of the workload's pods, without duplicates. It returns nothing if the
// node of a pod is unknown.
func (v *View) NodesOf(w *Workload) []*corev1.Node {
	var nodes []*corev1.Node
	for _, pod := range w.Pods {
		if node := v.nodes[pod.Spec.NodeName]; node != nil && !slices.Contains(nodes, node) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// Report adds a finding about a workload.
func (v *View) Report(w *Workload, message, fix string) {
	v.ReportObject(w.String(), w.File, message, fix)
}

// ReportObject adds a finding about any object.
func (v *View) ReportObject(object, file, message, fix string) {
	v.findings = append(v.findings, Finding{
		Rule: v.rule.Name(), Severity: v.rule.Severity(), Object: object, File: file, Message: message, Fix: fix,
	})
}

// Unknown reports why the rule cannot be checked, or not everywhere.
func (v *View) Unknown(reason string) {
	if !slices.Contains(v.unknown, reason) {
		v.unknown = append(v.unknown, reason)
	}
}
