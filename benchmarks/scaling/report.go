package scaling

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/loop"
	"github.com/stowage-k8s/stowage/internal/report"
)

// missing stands for a figure that was not measured.
const missing = "-"

// WriteTables writes what was measured: tables with a column for each size of cluster,
// then memory.
func (c Choice) WriteTables(out io.Writer, figures []figure.Figure) error {
	var b strings.Builder
	fmt.Fprintf(&b, "CPU time per pod, in µs, by number of nodes: the median over the rounds. It grows with the\nEXPONENT-th power of the nodes, ± its standard error; R² is the share of the differences that this\nexplains, which is little where nothing grows.\n%s\n", report.Table(c.costRows(figures)))
	fmt.Fprintf(&b, "CPU time of the first pod, in ms, for which everything is made from nothing\n%s\n", report.Table(c.rows(figures, loop.FirstPod, 0)))
	fmt.Fprintf(&b, "Memory of the scheduler, in MiB, without the nodes and pods themselves\n%s\n", report.Table(c.rows(figures, loop.Heap, 0)))
	fmt.Fprintf(&b, "Memory in the largest cluster, in bytes: of the scheduler per node, and per pod on it\n%s\n", report.Table(memoryRows(figures)))
	fmt.Fprintf(&b, "A typical object: bytes as etcd stores it, bytes as an informer keeps it and µs of CPU to\nget there; TRIMMED is the same in stowage-scheduler\n%s\n", report.Table(objectRows(figures)))
	_, err := io.WriteString(out, b.String())
	return err
}

// rows shows a metric of all lines and subjects that have it.
func (c Choice) rows(figures []figure.Figure, metric string, digits int) [][]string {
	rows := [][]string{{"CASE"}}
	for _, nodes := range c.Nodes {
		rows[0] = append(rows[0], strconv.Itoa(nodes))
	}
	for _, l := range c.lines() {
		for _, subject := range c.Subjects {
			if len(c.along(figures, l, subject, metric)) == 0 {
				continue
			}
			row := []string{l.String() + " " + subject}
			for _, nodes := range c.Nodes {
				row = append(row, text(figures, l.at(nodes).String(), subject, metric, digits))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// costRows shows what a pod costs, and how that grows.
func (c Choice) costRows(figures []figure.Figure) [][]string {
	rows := c.rows(figures, loop.CPUPerPod, 0)
	rows[0] = append(rows[0], "EXPONENT", "±", "R²")
	for i, row := range rows[1:] {
		name, subject, _ := strings.Cut(row[0], " ")
		for _, metric := range []string{exponent, standardError, rSquared} {
			rows[i+1] = append(rows[i+1], text(figures, name, subject, metric, 2))
		}
	}
	return rows
}

func memoryRows(figures []figure.Figure) [][]string {
	rows := [][]string{{"CASE", "PER NODE", "PER POD"}}
	for _, f := range figures {
		switch f.Metric {
		case bytesPerNode:
			rows = append(rows, []string{f.Case + " " + f.Subject, fmt.Sprintf("%.0f", f.Value), missing})
		case bytesPerPod:
			rows = append(rows, []string{f.Case + " " + f.Subject, missing, fmt.Sprintf("%.0f", f.Value)})
		}
	}
	return rows
}

func objectRows(figures []figure.Figure) [][]string {
	rows := [][]string{{"OBJECT", "STORED", "INFORMER", "DECODING", "TRIMMED", "DECODING"}}
	for _, kind := range kinds {
		row := []string{kind.name, text(figures, kind.caseName(), informer, storedBytes, 0)}
		for _, subject := range []string{informer, trimming} {
			row = append(row, text(figures, kind.caseName(), subject, keptBytes, 0), text(figures, kind.caseName(), subject, decoding, 0))
		}
		rows = append(rows, row)
	}
	return rows
}

// text returns a figure as it is shown.
func text(figures []figure.Figure, name, subject, metric string, digits int) string {
	f, has := figure.Find(figures, name, subject, metric)
	if !has {
		return missing
	}
	return strconv.FormatFloat(f.Value, 'f', digits, 64)
}
