package packing

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// columns are the metrics as tables have them, and what they are.
var columns = []struct{ heading, metric, legend string }{
	{"ALLOCATED %", allocated, "requested in the end, of what all nodes have: of GPU in thousandths of devices, added up over a node, where there is any; of memory for memory-heavy, of cpu for the others"},
	{"CPU %", allocated + "_cpu", "the same of cpu, where it is another"},
	{"MEMORY %", allocated + "_memory", "the same of memory"},
	{"UNPLACED", unplaced, "pods that no node could take"},
	{"PODS", arrivals, "pods that arrived"},
	{"REFUSED %", refused, "of the capacity: what no node could take before as much as the capacity had been asked for"},
	{"STRANDED %", stranded, "of the capacity: what is free in the end on nodes that have less of another resource than half of the pods ask for that do"},
	{"NODES", nodesUsed, "nodes in use when half of the capacity had been asked for"},
	{"AT LEAST", lowerBound, "as many nodes no placement of the same pods can do without"},
	{"×", nodesUsedOverBound, "how many times as many are in use"},
	{"COMPACTED %", compacted, "the smallest part of the nodes, taken away at random, that takes the pods that ask for half of the capacity, but for 0.2 % of them"},
}

// missing stands for a figure that was not measured.
const missing = "-"

// WriteTables writes the results, a table for each case with a row for each subject, and
// what the columns are.
func WriteTables(out io.Writer, figures []figure.Figure) error {
	var b strings.Builder
	seeds := 0
	for _, name := range figure.Cases(figures) {
		rows := [][]string{{"SCORED BY"}}
		for _, c := range columns {
			rows[0] = append(rows[0], c.heading)
		}
		for _, subject := range figure.Subjects(figures) {
			row := []string{subject}
			for _, c := range columns {
				f, has := figure.Find(figures, name, subject, c.metric)
				row = append(row, text(f, has))
				seeds = max(seeds, len(f.Samples))
			}
			rows = append(rows, row)
		}
		fmt.Fprintf(&b, "%s\n%s\n", name, report.Table(rows))
	}
	for _, c := range columns {
		fmt.Fprintf(&b, "%-11s  %s\n", c.heading, c.legend)
	}
	if seeds > 1 {
		fmt.Fprintf(&b, "Figures are medians over %d orders of arrival, with the lowest and the highest where they differ.\n", seeds)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// text returns a figure as it is shown.
func text(f figure.Figure, has bool) string {
	digits := map[string]int{"%": 2, "ratio": 2}[f.Unit]
	switch {
	case !has:
		return missing
	case f.Min == f.Max:
		return fmt.Sprintf("%.*f", digits, f.Value)
	default:
		return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, f.Value, digits, f.Min, digits, f.Max)
	}
}
