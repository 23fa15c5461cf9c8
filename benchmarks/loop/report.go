package loop

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// missing stands for a figure that was not measured.
const missing = "-"

// figures are results by what they are about.
type figures struct {
	cases, subjects []string
	values          map[key]float64
}

type key struct{ name, subject, metric string }

func arrange(list []figure.Figure) figures {
	f := figures{values: map[key]float64{}}
	for _, figure := range list {
		if !slices.Contains(f.cases, figure.Case) {
			f.cases = append(f.cases, figure.Case)
		}
		if !slices.Contains(f.subjects, figure.Subject) {
			f.subjects = append(f.subjects, figure.Subject)
		}
		f.values[key{figure.Case, figure.Subject, figure.Metric}] = figure.Value
	}
	return f
}

// text returns a figure as it is shown.
func (f figures) text(name, subject, metric string) string {
	value, has := f.values[key{name, subject, metric}]
	if !has {
		return missing
	}
	return fmt.Sprintf("%.0f", value)
}

// times returns how many times stowage's CPU time the subject needs.
func (f figures) times(name, subject string) string {
	value, has := f.values[key{name, subject, CPUPerPod}]
	base := f.values[key{name, stowage, CPUPerPod}]
	if !has || base == 0 {
		return missing
	}
	return fmt.Sprintf("%.1f", value/base)
}

// WriteTables writes the results: a table for each thing measured, with a row for
// each case, and how flat stowage's cost is.
func WriteTables(out io.Writer, results []figure.Figure) error {
	f := arrange(results)
	var b strings.Builder
	fmt.Fprintf(&b, "CPU time per pod, in µs: the median over the rounds\n%s\n", report.Table(f.rows(f.subjects, f.of(CPUPerPod))))
	if others := slices.DeleteFunc(slices.Clone(f.subjects), func(s string) bool { return s == stowage }); len(others) > 0 && len(others) < len(f.subjects) {
		fmt.Fprintf(&b, "CPU time per pod, as a multiple of stowage's\n%s\n", report.Table(f.rows(others, f.times)))
	}
	fmt.Fprintf(&b, "Allocations per pod\n%s\n", report.Table(f.rows(f.subjects, f.of(allocsPerPod))))
	if rows := f.packingRows(); len(rows) > 1 {
		fmt.Fprintf(&b, "Nodes used, all subjects with the same number of pods, and how many they need at least\n%s\n", report.Table(rows))
	}
	for _, line := range f.flatness() {
		fmt.Fprintln(&b, line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// rows shows what a function says of all cases and the subjects.
func (f figures) rows(subjects []string, text func(name, subject string) string) [][]string {
	rows := [][]string{append([]string{"CASE"}, subjects...)}
	for _, name := range f.cases {
		row := []string{name}
		for _, subject := range subjects {
			row = append(row, text(name, subject))
		}
		rows = append(rows, row)
	}
	return rows
}

// of returns what says a metric.
func (f figures) of(metric string) func(name, subject string) string {
	return func(name, subject string) string { return f.text(name, subject, metric) }
}

// packingRows shows nodes used in the cases where they were counted.
func (f figures) packingRows() [][]string {
	var rows [][]string
	for i, row := range f.rows(f.subjects, f.of(nodesUsed)) {
		if i == 0 {
			rows = append(rows, append(row, "AT LEAST"))
			continue
		}
		for _, subject := range f.subjects {
			if bound := f.text(row[0], subject, lowerBound); bound != missing {
				rows = append(rows, append(row, bound))
				break
			}
		}
	}
	return rows
}

// flatness says how stowage's cost grows with the cluster and with its fill, between
// the ends of what may be measured.
func (f figures) flatness() []string {
	var lines []string
	for _, w := range Workloads() {
		for _, fill := range Fills {
			few, many := Case{w, NodeCounts[0], fill}, Case{w, NodeCounts[len(NodeCounts)-1], fill}
			lines = append(lines, f.growth(few, many)...)
		}
		for _, nodes := range NodeCounts {
			empty, full := Case{w, nodes, Fills[0]}, Case{w, nodes, Fills[len(Fills)-1]}
			lines = append(lines, f.growth(empty, full)...)
		}
	}
	return lines
}

// growth compares stowage's cost in two cases, if both were measured.
func (f figures) growth(from, to Case) []string {
	before, has := f.values[key{from.String(), stowage, CPUPerPod}]
	after, hasToo := f.values[key{to.String(), stowage, CPUPerPod}]
	if !has || !hasToo || before == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s: %s costs %.2f times what %s does", stowage, to, after/before, from)}
}
