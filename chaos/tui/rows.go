package tui

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// tab is one of the lists.
type tab int

const (
	namespaceTab tab = iota
	zoneTab
	nodeTab
	workloadTab
	podTab
	budgetTab
	tabs = iota
)

// titles are the tabs' names, in their order.
var titles = [tabs]string{"Namespaces", "Zones", "Nodes", "Workloads", "Pods", "Budgets"}

// column is one of a table. Columns with a share divide among them what width is left.
type column struct {
	title string
	width int
	share int
	right bool
}

// columns are those of each tab: 78 wide together, with a space between them.
var columns = [tabs][]column{
	namespaceTab: {{"NAMESPACE", 20, 1, false}, {"WORKLOADS", 9, 0, true}, {"SHORT", 7, 0, true}, {"PODS", 7, 0, true}, {"READY", 7, 0, true}, {"BUDGETS", 8, 0, true}},
	zoneTab:      {{"ZONE", 20, 1, false}, {"NODES", 6, 0, true}, {"READY", 6, 0, true}, {"PODS", 7, 0, true}, {"CPU", 10, 0, false}, {"MEMORY", 10, 0, false}},
	nodeTab:      {{"NODE", 16, 2, false}, {"STATE", 9, 0, false}, {"ZONE", 10, 1, false}, {"PODS", 5, 0, true}, {"CPU", 10, 0, false}, {"MEMORY", 10, 0, false}},
	workloadTab:  {{"WORKLOAD", 20, 2, false}, {"KIND", 11, 0, false}, {"READY", 15, 0, false}, {"BUDGET", 20, 1, false}},
	podTab:       {{"POD", 23, 2, false}, {"NODE", 12, 1, false}, {"AGE", 5, 0, true}, {"STATE", 9, 0, false}, {"EVICTABLE", 22, 1, false}},
	budgetTab:    {{"BUDGET", 24, 1, false}, {"PODS", 6, 0, true}, {"HEALTHY", 8, 0, true}, {"DESIRED", 8, 0, true}, {"ALLOWS", 20, 0, false}},
}

// row is one of a list.
type row interface {
	// id tells it from all others of the list, and stays the same from board to board.
	id() string
	// matches says whether it has the word, which is in lower case, in one of its names.
	matches(word string) bool
	cells(b *board, now time.Time) []cell
	// detail says more of it, in a line or two.
	detail(b *board) string
	// victim returns it as one, if it can be taken away that way.
	victim(how assess.How) (Victim, bool)
	// open returns the list that it leads to, if any: a tab, and what of it belongs to the row.
	open() (tab, scope, bool)
}

// scope is part of a list.
type scope struct {
	// title names what the rows belong to; empty for the whole list.
	title string
	keep  func(row) bool
}

// cell is what stands in a column. Bad ones are shown in colour too, where there is any.
type cell struct {
	text string
	bad  bool
}

func plain(format string, args ...any) cell { return cell{text: fmt.Sprintf(format, args...)} }

// badIf marks what should be seen.
func badIf(bad bool, format string, args ...any) cell {
	return cell{text: fmt.Sprintf(format, args...), bad: bad}
}

func has(word string, names ...string) bool {
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), word) {
			return true
		}
	}
	return false
}

// namespaceRow is a namespace.
type namespaceRow struct {
	name                                   string
	workloads, short, pods, ready, budgets int
}

func (n *namespaceRow) id() string                       { return n.name }
func (n *namespaceRow) matches(word string) bool         { return has(word, n.name) }
func (n *namespaceRow) victim(assess.How) (Victim, bool) { return Victim{}, false }

func (n *namespaceRow) cells(*board, time.Time) []cell {
	return []cell{
		plain("%s", n.name), plain("%d", n.workloads), badIf(n.short > 0, "%d", n.short),
		plain("%d", n.pods), badIf(n.ready < n.pods, "%d", n.ready), plain("%d", n.budgets),
	}
}

func (n *namespaceRow) detail(*board) string {
	if n.short == 0 {
		return "All workloads have their desired number of ready pods."
	}
	return fmt.Sprintf("Workloads with fewer ready pods than desired: %d of %d.", n.short, n.workloads)
}

func (n *namespaceRow) open() (tab, scope, bool) {
	return workloadTab, scope{"namespace " + n.name, func(r row) bool { return r.(*workloadRow).Namespace == n.name }}, true
}

// zoneRow is an availability zone.
type zoneRow struct {
	zone                   string
	nodes, ready, pods     int
	requested, allocatable amount
}

func (z *zoneRow) id() string               { return z.zone }
func (z *zoneRow) matches(word string) bool { return has(word, z.zone) }

func (z *zoneRow) cells(*board, time.Time) []cell {
	name := z.zone
	if name == "" {
		name = "(none)"
	}
	return []cell{
		plain("%s", name), plain("%d", z.nodes), badIf(z.ready < z.nodes, "%d", z.ready), plain("%d", z.pods),
		share(z.requested.cpu, z.allocatable.cpu), share(z.requested.memory, z.allocatable.memory),
	}
}

func (z *zoneRow) detail(*board) string {
	if z.zone == "" {
		return fmt.Sprintf("Nodes without the label %s.", corev1.LabelTopologyZone)
	}
	return fmt.Sprintf("Requested: %s of %s.", z.requested, z.allocatable)
}

// victim refuses the nodes without a zone: they have nothing in common.
func (z *zoneRow) victim(how assess.How) (Victim, bool) {
	return Victim{Kind: Zone, Name: z.zone, How: how}, z.zone != "" && (how == assess.Drain || how == assess.Down)
}

func (z *zoneRow) open() (tab, scope, bool) {
	title := "zone " + z.zone
	if z.zone == "" {
		title = "no zone"
	}
	return nodeTab, scope{title, func(r row) bool { return r.(*nodeRow).zone == z.zone }}, true
}

// nodeRow is a node.
type nodeRow struct {
	node                   *corev1.Node
	zone                   string
	ready                  bool
	pods                   int
	requested, allocatable amount
}

func (n *nodeRow) id() string               { return n.node.Name }
func (n *nodeRow) matches(word string) bool { return has(word, n.node.Name, n.zone, n.state()) }

// state is in a word how the node is.
func (n *nodeRow) state() string {
	switch {
	case !n.ready:
		return "not ready"
	case n.node.Spec.Unschedulable:
		return "cordoned"
	}
	return "ready"
}

func (n *nodeRow) cells(*board, time.Time) []cell {
	return []cell{
		plain("%s", n.node.Name), badIf(n.state() != "ready", "%s", n.state()), plain("%s", n.zone), plain("%d", n.pods),
		share(n.requested.cpu, n.allocatable.cpu), share(n.requested.memory, n.allocatable.memory),
	}
}

func (n *nodeRow) detail(*board) string {
	said := fmt.Sprintf("Requested: %s of %s.", n.requested, n.allocatable)
	for i, taint := range n.node.Spec.Taints {
		if i == 0 {
			said += " Taints:"
		}
		said += " " + taint.ToString()
	}
	return said
}

func (n *nodeRow) victim(how assess.How) (Victim, bool) {
	return Victim{Kind: Node, Name: n.node.Name, UID: n.node.UID, How: how}, how == assess.Drain || how == assess.Down
}

func (n *nodeRow) open() (tab, scope, bool) {
	name := n.node.Name
	return podTab, scope{"node " + name, func(r row) bool { return r.(*podRow).pod.Spec.NodeName == name }}, true
}

func newNodeRow(node *corev1.Node) *nodeRow {
	n := &nodeRow{node: node, zone: node.Labels[corev1.LabelTopologyZone], ready: cluster.NodeReady(node)}
	n.allocatable = amount{node.Status.Allocatable.Cpu().MilliValue(), node.Status.Allocatable.Memory().Value()}
	return n
}
