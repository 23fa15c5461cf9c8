package packing

import (
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/report"
)

// column is one figure of a Result.
type column struct {
	name, legend string
	format       string
	// value returns the figure, and whether the workload has it at all.
	value func(Result) (float64, bool)
}

var columns = []column{
	{"GPU %", "requested at the end, of what all nodes have: thousandths of devices, added up over a node", "%.2f", allocated(GPUMilli)},
	{"CPU %", "the same of cpu", "%.2f", allocated(corev1.ResourceCPU)},
	{"MEMORY %", "the same of memory", "%.2f", allocated(corev1.ResourceMemory)},
	{"UNPLACED", "pods that no node could take, of those that arrived", "%.0f", func(r Result) (float64, bool) { return float64(r.Unplaced), true }},
	{"REFUSED %", "of the capacity: what no node could take before as much as the capacity had been asked for", "%.2f", func(r Result) (float64, bool) { return 100 * r.Refused, true }},
	{"NODES", "nodes in use when half of the capacity had been asked for", "%.0f", func(r Result) (float64, bool) { return float64(r.NodesUsed), true }},
	{"AT LEAST", "as many nodes no placement of the same pods can do without", "%.0f", func(r Result) (float64, bool) { return float64(r.LowerBound), true }},
}

func allocated(name corev1.ResourceName) func(Result) (float64, bool) {
	return func(r Result) (float64, bool) {
		fraction, has := r.Allocated[name]
		return 100 * fraction, has
	}
}

// WriteTable writes the results of one workload, with a row for each subject.
func WriteTable(out io.Writer, results []Result) error {
	rows := [][]string{{"SCORED BY"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
	}
	for _, subject := range subjectsOf(results) {
		row, runs := []string{subject}, only(results, func(r Result) bool { return r.Subject == subject })
		for _, c := range columns {
			text, has := summary(runs, c.format, c.value)
			if !has {
				text = "-"
			}
			row = append(row, text)
		}
		rows = append(rows, row)
	}
	first := results[0]
	_, err := fmt.Fprintf(out, "%s: %d nodes, %.0f pods that ask for %.1f times the %s\n%s\n",
		first.Workload, first.Nodes, meanPods(results), Multiple, demandOf(first), report.Table(rows))
	return err
}

// WriteLegend says what the columns of tables are.
func WriteLegend(out io.Writer, seeds int) error {
	var b strings.Builder
	for _, c := range columns {
		fmt.Fprintf(&b, "%-10s %s\n", c.name, c.legend)
	}
	if seeds > 1 {
		fmt.Fprintf(&b, "Figures are means over %d orders of arrival, with the lowest and the highest.\n", seeds)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// meanPods returns how many pods arrived, which is up to the order of arrival.
func meanPods(results []Result) float64 {
	sum := 0
	for _, r := range results {
		sum += r.Pods
	}
	return float64(sum) / float64(len(results))
}

// demandOf says what pods were added up to know how many have to arrive.
func demandOf(r Result) string {
	if _, has := r.Allocated[GPUMilli]; has {
		return "GPU"
	}
	return "cpu"
}

// summary returns the mean of a figure, and the lowest and the highest where there
// are several.
func summary(results []Result, format string, value func(Result) (float64, bool)) (string, bool) {
	var values []float64
	sum := 0.0
	for _, r := range results {
		v, has := value(r)
		if !has {
			return "", false
		}
		values = append(values, v)
		sum += v
	}
	mean := fmt.Sprintf(format, sum/float64(len(values)))
	if len(values) == 1 {
		return mean, true
	}
	return fmt.Sprintf("%s ("+format+"–"+format+")", mean, slices.Min(values), slices.Max(values)), true
}

// WriteJSON writes the results as they are, one for each replay.
func WriteJSON(out io.Writer, results []Result) error {
	return report.WriteJSON(out, results)
}

// subjectsOf returns the name of each subject once, as they come.
func subjectsOf(results []Result) []string {
	var names []string
	for _, r := range results {
		if !slices.Contains(names, r.Subject) {
			names = append(names, r.Subject)
		}
	}
	return names
}

func only(results []Result, match func(Result) bool) []Result {
	var matching []Result
	for _, r := range results {
		if match(r) {
			matching = append(matching, r)
		}
	}
	return matching
}
