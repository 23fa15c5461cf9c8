package journal

import (
	"fmt"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Same compares the draws of two runs: faults, how, workloads and ranks of the victims, and
// nodes, in their order. Pod names and the number of candidates may differ. If the draws differ,
// it describes the first difference.
func Same(a, b []Choice) (identical bool, firstDifference string) {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			return false, fmt.Sprintf("one run has %s, the other has %d", report.Count(len(a), "draw"), len(b))
		}
		if difference := a[i].differs(b[i]); difference != "" {
			return false, fmt.Sprintf("draw %d: %s", i+1, difference)
		}
	}
	return true, ""
}

// differs describes how a draw differs from another. It is empty if they are the same.
func (c Choice) differs(other Choice) string {
	if c.Fault != other.Fault || c.How != other.How {
		return fmt.Sprintf("%s by %s vs. %s by %s", c.Fault, c.Title(), other.Fault, other.Title())
	}
	for i := range min(len(c.Victims), len(other.Victims)) {
		if a, b := c.Victims[i].key(), other.Victims[i].key(); a != b {
			return fmt.Sprintf("victim %d: %s vs. %s", i+1, a, b)
		}
	}
	if len(c.Victims) != len(other.Victims) {
		return fmt.Sprintf("%s vs. %d", report.Count(len(c.Victims), "victim"), len(other.Victims))
	}
	for i := range min(len(c.Nodes), len(other.Nodes)) {
		if c.Nodes[i] != other.Nodes[i] {
			return fmt.Sprintf("node %d: %s vs. %s", i+1, c.Nodes[i], other.Nodes[i])
		}
	}
	if len(c.Nodes) != len(other.Nodes) {
		return fmt.Sprintf("%s vs. %d", report.Count(len(c.Nodes), "node"), len(other.Nodes))
	}
	return ""
}

// key names the victim as target.Pod.Key does.
func (v Victim) key() string { return fmt.Sprintf("%s #%d", v.Workload, v.Rank) }
