package report

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/stowage-k8s/stowage/chaos/journal"
	layout "github.com/stowage-k8s/stowage/internal/report"
)

// sheet is a table with its title and header, for terminals and pages.
type sheet struct {
	Title  string
	Header []string
	Rows   [][]string
}

func (s *sheet) add(row ...string) {
	for i, cell := range row {
		if row[i] = clean(cell); row[i] == "" {
			row[i] = none
		}
	}
	s.Rows = append(s.Rows, row)
}

// column is one of a table of items.
type column[T any] struct {
	title string
	wide  bool
	cell  func(T) string
}

func sheetOf[T any](title string, wide bool, columns []column[T], items []T) sheet {
	if !wide {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return c.wide })
	}
	s := sheet{Title: title}
	for _, c := range columns {
		s.Header = append(s.Header, c.title)
	}
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.cell(item)
		}
		s.add(row...)
	}
	return s
}

var workloadColumns = []column[Workload]{
	{title: "WORKLOAD", cell: func(w Workload) string { return w.Workload }},
	{title: "DRAWN", cell: func(w Workload) string { return strconv.Itoa(w.Drawn) }},
	{title: "OTHERS", cell: func(w Workload) string { return strconv.Itoa(w.Others) }},
	{title: "REPLACED", cell: func(w Workload) string { return strconv.Itoa(w.Losses.Recovered) }},
	{title: "UNNEEDED", wide: true, cell: func(w Workload) string { return strconv.Itoa(w.Unneeded) }},
	{title: "MISSING", cell: func(w Workload) string { return strconv.Itoa(w.Unrecovered) }},
	{title: "FLOOR", cell: func(w Workload) string {
		if w.Floor == nil {
			return ""
		}
		return fmt.Sprintf("%d/%d", w.Floor.Ready, w.Floor.Desired)
	}},
	{title: "FLOOR AT", wide: true, cell: func(w Workload) string {
		if w.Floor == nil {
			return ""
		}
		return seconds(w.Floor.Seconds)
	}},
	{title: "FLOOR %", cell: func(w Workload) string {
		if w.Floor == nil {
			return ""
		}
		return percent(w.Floor.Percent)
	}},
	{title: "MEAN %", cell: func(w Workload) string {
		if w.Mean == nil {
			return ""
		}
		return percent(*w.Mean)
	}},
	{title: "MEAN", wide: true, cell: func(w Workload) string { return w.Recovery.write(w.Recovery.Mean) }},
	{title: "P50", cell: func(w Workload) string { return w.Recovery.write(w.Recovery.P50) }},
	{title: "P90", wide: true, cell: func(w Workload) string { return w.Recovery.write(w.Recovery.P90) }},
	{title: "P99", cell: func(w Workload) string { return w.Recovery.write(w.Recovery.P99) }},
	{title: "MAX", cell: func(w Workload) string { return w.Recovery.write(w.Recovery.Max) }},
}

var budgetColumns = []column[Budget]{
	{title: "BUDGET", cell: func(b Budget) string { return b.Budget }},
	{title: "MIN ALLOWED", cell: func(b Budget) string { return strconv.Itoa(b.Allowed) }},
	{title: "MIN HEALTHY", cell: func(b Budget) string { return strconv.Itoa(b.Healthy) }},
	{title: "REQUIRED", cell: func(b Budget) string { return strconv.Itoa(b.Desired) }},
	{title: "BROKEN FOR", cell: func(b Budget) string {
		if !b.Broken {
			return "not broken"
		}
		return seconds(b.BrokenSeconds)
	}},
	{title: "BY", cell: func(b Budget) string { return string(b.By) }},
}

var findingColumns = []column[Finding]{
	{title: "OBJECTIVE", cell: func(f Finding) string { return f.Objective }},
	{title: "WORKLOAD", cell: func(f Finding) string { return f.Workload }},
	{title: "MET", cell: func(f Finding) string { return yes(f.Met) }},
	{title: "RESULT", cell: func(f Finding) string { return f.Message }},
}

var probeColumns = []column[Probe]{
	{title: "PROBE", cell: func(p Probe) string { return p.Probe }},
	{title: "CHECKS", cell: func(p Probe) string { return strconv.Itoa(p.Looks) }},
	{title: "FAILED", cell: func(p Probe) string { return strconv.Itoa(p.Failed) }},
	{title: "OK AT END", cell: func(p Probe) string { return yes(p.OK) }},
	{title: "FIRST FAILURE", cell: func(p Probe) string { return p.FirstFailure }},
}

var stepColumns = []column[Step]{
	{title: "STEP", cell: func(s Step) string { return strconv.Itoa(s.Step) }},
	{title: "NAME", cell: func(s Step) string { return s.Name }},
	{title: "KIND", cell: func(s Step) string { return s.Kind }},
	{title: "AFTER", cell: func(s Step) string { return seconds(s.Seconds) }},
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// workloadSheet is the place of the workloads among the sheets.
const workloadSheet = 2

// sheets are the tables of the report, in order. If it is not wide, objectives that workloads met
// are summarized in one line.
func (r *Report) sheets(wide bool) []sheet {
	findings := r.Findings
	if !wide {
		findings = slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool { return f.Met && f.Workload != "" })
	}
	list := []sheet{
		sheetOf("Objectives", wide, findingColumns, findings),
		sheetOf("Steady state", wide, probeColumns, r.Probes),
		sheetOf("Workloads, lowest floor first: lost pods, availability and recovery times", wide, workloadColumns, r.Workloads),
		sheetOf("Budgets", wide, budgetColumns, r.Budgets),
		sheetOf("Steps", wide, stepColumns, r.Steps),
	}
	if !wide {
		list = list[:len(list)-1]
	}
	return list
}

// remarks are the sentences of the report.
func (r *Report) remarks() []string {
	list := slices.Clone(r.Reasons)
	met := 0
	for _, f := range r.Findings {
		if f.Met && f.Workload != "" {
			met++
		}
	}
	if met > 0 {
		list = append(list, fmt.Sprintf("%s: met by %s", minAvailability, layout.Count(met, "workload")))
	}
	if p := r.Prediction; p != nil {
		list = append(list, fmt.Sprintf("prediction: %d of %s correct (%s)", p.Right, layout.Count(p.Statements, "statement"), percent(p.Percent)))
	}
	for _, c := range r.NotRestored {
		list = append(list, fmt.Sprintf("may not be restored: %s, %s; run `%s`", c.Object, c.What, journal.RestoreCommand(r.Run.ID, r.Run.Arguments)))
	}
	for i, note := range r.Notes {
		if i == mostNotes {
			list = append(list, fmt.Sprintf("… and %d more notes (-o json shows all)", len(r.Notes)-mostNotes))
			break
		}
		list = append(list, note)
	}
	for i, line := range list {
		list[i] = clean(line)
	}
	return list
}

// mostNotes is the maximum number of notes in reports for people.
const mostNotes = 20
