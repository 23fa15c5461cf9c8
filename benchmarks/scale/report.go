package scale

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// missing stands for what was not measured.
const missing = "-"

// WriteTable writes the results as one table, a column for each step and a row for each
// figure, those of processes last, and what the rows are.
func WriteTable(out io.Writer, figures []figure.Figure) error {
	cases := figure.Cases(figures)
	rows := [][]string{append([]string{"FIGURE", "UNIT"}, cases...)}
	var legends []string
	for _, m := range metrics {
		measured := slices.ContainsFunc(figures, func(f figure.Figure) bool { return f.Metric == m.name })
		if !measured {
			continue
		}
		legends = append(legends, fmt.Sprintf("%-24s %s\n", m.name, m.legend))
		for _, subject := range subjectsOf(figures, m.name) {
			name := m.name
			if subject != product {
				name += ", " + subject
			}
			row := []string{name, m.unit}
			for _, c := range cases {
				value := missing
				if f, found := figure.Find(figures, c, subject, m.name); found {
					value = figure.Text(f.Value)
				}
				row = append(row, value)
			}
			rows = append(rows, row)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n%s\n", report.Table(rows), strings.Join(legends, ""), strings.Join(Notes(), "\n"))
	_, err := io.WriteString(out, b.String())
	return err
}

// Notes are what is to be read with the figures.
func Notes() []string {
	return []string{
		"All of it shares the cores of one machine: the API server, etcd, the fake nodes and the watcher take from the programs what they use. Times are those of the whole; processor time is the programs' own.",
		"Nodes and pods are written into the database, and not through the API server: unless --realistic is given, they lack the managed fields that it would add, and environments, probes and images, which makes what keeps them whole smaller than it would be.",
		"Nodes are fake: pods are Ready as soon as they have a node, without the start of containers.",
		"kube-scheduler does not run but in the step memory: no pod asks for it, and it would keep all of them in memory.",
	}
}

// subjectsOf returns who has a metric, in the order in which processes are told.
func subjectsOf(figures []figure.Figure, metric string) []string {
	var subjects []string
	for _, subject := range append([]string{product}, processes...) {
		if slices.ContainsFunc(figures, func(f figure.Figure) bool { return f.Metric == metric && f.Subject == subject }) {
			subjects = append(subjects, subject)
		}
	}
	return subjects
}
