package karpenter

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// column is a metric as the table has it, and what it is.
type column struct{ heading, metric, unit, legend string }

var columns = []column{
	{"PLAN", "planned_nodes", "count", "nodes that Karpenter had asked for before any pod was placed"},
	{"PLAN $/h", "planned_price", "$/h", "what these cost, in dollars an hour"},
	{"LEFT", "left_over", "count", "pods that came to be on other nodes than those"},
	{"NODES", "nodes", "count", "nodes that Karpenter has made, without those on their way out"},
	{"$/h", "price", "$/h", "what they cost"},
	{"DISRUPTED", "disrupted", "count", "pods that were evicted in the phase, by Karpenter or the descheduler"},
	{"RUNNING s", "running_s", "s", "seconds until all pods ran"},
}

// phaseLegends say what a case's phase is.
var phaseLegends = [][2]string{
	{scaleUp, fmt.Sprintf("%d pods are created at once, and all run", pods)},
	{settled, "nothing happens any more"},
	{scaleDown, fmt.Sprintf("%d of them are left, and nothing happens any more", fewer)},
	{rollout, "all of these are replaced by a rollout, and nothing happens any more"},
}

// figures are those measured so far, with a sample of each seed.
type figures []figure.Figure

// add adds what a trial has measured.
func (f *figures) add(t trial, list []measured) {
	for _, m := range list {
		name := t.policy + "/" + m.phase
		i := slices.IndexFunc(*f, func(f figure.Figure) bool {
			return f.Case == name && f.Subject == t.subject.Name && f.Metric == m.metric
		})
		if i < 0 {
			i = len(*f)
			*f = append(*f, figure.Figure{Case: name, Subject: t.subject.Name, Metric: m.metric, Unit: unit(m.metric), Better: better(m.metric)})
		}
		(*f)[i] = (*f)[i].Of(append((*f)[i].Samples, m.value)...).Rounded(3)
	}
}

func unit(metric string) string {
	return columns[slices.IndexFunc(columns, func(c column) bool { return c.metric == metric })].unit
}

// better says which way a metric gets better: what Karpenter plans is given.
func better(metric string) figure.Direction {
	if strings.HasPrefix(metric, "planned_") {
		return ""
	}
	return figure.Lower
}

// WriteTable writes the results with a row for each case and subject: what each seed has come
// to, in their order.
func WriteTable(out io.Writer, list []figure.Figure) error {
	rows := [][]string{{"CASE, SUBJECT"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.heading)
	}
	for _, policy := range Policies() {
		for _, phase := range phaseLegends {
			name := policy + "/" + phase[0]
			for _, subject := range figure.Subjects(list) {
				row := []string{name + ", " + subject}
				for _, c := range columns {
					f, has := figure.Find(list, name, subject, c.metric)
					row = append(row, text(f, has))
				}
				if strings.Trim(strings.Join(row[1:], ""), "-") != "" {
					rows = append(rows, row)
				}
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", report.Table(rows))
	for _, p := range phaseLegends {
		fmt.Fprintf(&b, "%-10s %s\n", p[0], p[1])
	}
	fmt.Fprintln(&b)
	for _, c := range columns {
		fmt.Fprintf(&b, "%-10s %s\n", c.heading, c.legend)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// text returns a figure's samples as they are shown.
func text(f figure.Figure, has bool) string {
	if !has {
		return "-"
	}
	var parts []string
	for _, v := range f.Samples {
		parts = append(parts, figure.Text(v))
	}
	return strings.Join(parts, " ")
}

// summary says in a line what a trial has come to.
func summary(list []measured) string {
	var parts []string
	for _, m := range list {
		if m.metric == "nodes" || m.metric == "price" || m.metric == "disrupted" || m.metric == "left_over" {
			parts = append(parts, fmt.Sprintf("%s %s %s", m.phase, strings.ReplaceAll(m.metric, "_", " "), figure.Text(figure.Round(m.value, 2))))
		}
	}
	return strings.Join(parts, ", ")
}
