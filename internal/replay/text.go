package replay

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostReasons is how many reasons of a result are shown unless all are asked for.
const mostReasons = 3

// Write writes the answer for people. Wide shows all reasons, kinds of nodes, and kept nodes.
func (a *Answer) Write(w io.Writer, wide bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", a.about())
	b.WriteString(report.Table(a.rows()))
	for _, line := range []string{a.needed(), "cpu and memory: requested ÷ allocatable of the nodes used.", a.costs()} {
		if line != "" {
			fmt.Fprintf(&b, "%s\n", line)
		}
	}
	if lines := a.reasons(wide); len(lines) > 0 {
		fmt.Fprintf(&b, "\nPending\n  %s\n", strings.Join(lines, "\n  "))
	}
	if wide {
		fmt.Fprintf(&b, "\n%s", report.Table(a.kindRows()))
		for i, kept := range a.Kept {
			if i == 0 {
				fmt.Fprintf(&b, "\nNever removable\n")
			}
			fmt.Fprintf(&b, "  %s: %s\n", kept.Node, kept.Reason)
		}
	}
	for _, note := range a.Notes {
		fmt.Fprintf(&b, "\nNote: %s.\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// about says what is compared.
func (a *Answer) about() string {
	order := "in the order of their creation"
	if a.Order == Random {
		order = "in a random order (--order random --seed " + a.Seed + ")"
	}
	about := fmt.Sprintf("%s placed anew on %s, %s", report.Count(a.Pods, "pod"), report.Count(a.Nodes, "node"), order)
	if a.Staying > 0 {
		about += fmt.Sprintf("; %s of DaemonSets and static pods stay", report.Count(a.Staying, "pod"))
	}
	return about
}

// needed says how good a placement can be.
func (a *Answer) needed() string {
	return fmt.Sprintf("No placement with no pod pending uses fewer than %s.", report.Count(a.LowerBound, "node"))
}

// costs says what all nodes cost; nothing if prices are not known.
func (a *Answer) costs() string {
	if a.PricePerHour == nil {
		return ""
	}
	return fmt.Sprintf("%s: the price without the nodes that could be switched off. All nodes cost %s.", a.perHour(), money(a.PricePerHour))
}

// perHour is what prices are in.
func (a *Answer) perHour() string { return cmp.Or(a.Currency, "price") + " per hour" }

// rows are the results, with a header.
func (a *Answer) rows() [][]string {
	rows := [][]string{{"", "nodes used", "could be switched off", "pods pending", "cpu", "memory"}}
	if a.PricePerHour != nil {
		rows[0] = append(rows[0], a.perHour())
	}
	for _, r := range a.Results {
		row := []string{r.Name, fmt.Sprint(r.NodesUsed), fmt.Sprint(r.NodesRemovable), fmt.Sprint(r.Pending), inPercent(r.CPUPercent), inPercent(r.MemoryPercent)}
		if r.PricePerHour != nil {
			row = append(row, money(r.PricePerHour))
		}
		rows = append(rows, row)
	}
	return rows
}

// kindRows are how many nodes of each kind the results use, with a header.
func (a *Answer) kindRows() [][]string {
	rows := [][]string{{"nodes used", "of"}}
	for _, r := range a.Results {
		rows[0] = append(rows[0], r.Name)
	}
	for _, kind := range a.Kinds {
		row := []string{kind.Name, fmt.Sprint(kind.Nodes)}
		for _, r := range a.Results {
			row = append(row, fmt.Sprint(kind.Used[r.Name]))
		}
		rows = append(rows, row)
	}
	return rows
}

// reasons says why pods are pending, in a line for each result and reason.
func (a *Answer) reasons(all bool) []string {
	var lines []string
	for _, r := range a.Results {
		shown := r.Reasons
		if !all {
			shown = shown[:min(len(shown), mostReasons)]
		}
		for _, reason := range shown {
			lines = append(lines, fmt.Sprintf("%s: %s: %s", r.Name, report.Count(reason.Pods, "pod"), reason.Reason))
		}
		if more := len(r.Reasons) - len(shown); more > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s: -o wide shows all", r.Name, report.Count(more, "more reason")))
		}
	}
	return lines
}

func inPercent(percent float64) string { return fmt.Sprintf("%.1f %%", percent) }

func money(amount *float64) string { return fmt.Sprintf("%.2f", *amount) }
