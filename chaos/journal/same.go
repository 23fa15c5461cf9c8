package journal

import "fmt"

// Same compares the choices of two runs: faults, how, owners and ranks of the victims,
// and nodes, each in their order. Names and numbers of candidates may differ. Where the
// choices do, it says how the first differs.
func Same(a, b []Choice) (identical bool, firstDifference string) {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) {
			return false, fmt.Sprintf("one run has %s, the other %d", count(len(a), "choice"), len(b))
		}
		if difference := a[i].differs(b[i]); difference != "" {
			return false, fmt.Sprintf("choice %d: %s", i+1, difference)
		}
	}
	return true, ""
}

// differs says how a choice differs from another; nothing where it does not.
func (c Choice) differs(other Choice) string {
	if c.Fault != other.Fault || c.How != other.How {
		return fmt.Sprintf("%s by %s against %s by %s", c.Fault, c.Title(), other.Fault, other.Title())
	}
	for i := range min(len(c.Victims), len(other.Victims)) {
		if a, b := c.Victims[i].key(), other.Victims[i].key(); a != b {
			return fmt.Sprintf("victim %d is %s against %s", i+1, a, b)
		}
	}
	if len(c.Victims) != len(other.Victims) {
		return fmt.Sprintf("%s against %d", count(len(c.Victims), "victim"), len(other.Victims))
	}
	for i := range min(len(c.Nodes), len(other.Nodes)) {
		if c.Nodes[i] != other.Nodes[i] {
			return fmt.Sprintf("node %d is %s against %s", i+1, c.Nodes[i], other.Nodes[i])
		}
	}
	if len(c.Nodes) != len(other.Nodes) {
		return fmt.Sprintf("%s against %d", count(len(c.Nodes), "node"), len(other.Nodes))
	}
	return ""
}

// key names the victim as target.Pod.Key does.
func (v Victim) key() string { return fmt.Sprintf("%s #%d", v.Workload, v.Rank) }

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
