package audit

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostObjects is how many objects of a rule are shown where not all are asked for.
const mostObjects = 5

// WriteTable writes the report as text: the number of findings per rule, then the objects and the
// fix of each rule. Wide shows all objects.
func WriteTable(w io.Writer, r *Report, wide bool) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s: %s\n", report.Count(r.Workloads, "workload"), report.Count(r.Budgets, "budget"), counts(r))
	groups := byRule(r.Findings)
	if len(groups) > 0 {
		rows := [][]string{{"rule", "severity", "findings"}}
		for _, g := range groups {
			rows = append(rows, []string{g[0].Rule, string(g[0].Severity), fmt.Sprint(len(g))})
		}
		text.WriteString("\n" + report.Table(rows))
	}
	for _, g := range groups {
		writeGroup(&text, g, wide)
	}
	for i, u := range r.Unchecked {
		if slices.ContainsFunc(r.Unchecked[:i], func(before Unchecked) bool { return before.Reason == u.Reason }) {
			continue
		}
		rules, were := u.Rule, "was"
		for _, later := range r.Unchecked[i+1:] {
			if later.Reason == u.Reason {
				rules, were = rules+", "+later.Rule, "were"
			}
		}
		fmt.Fprintf(&text, "\n%s %s not checked everywhere: %s\n", rules, were, u.Reason)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&text, "\nnote: %s\n", note)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// counts says how many findings there are of each severity.
func counts(r *Report) string {
	if len(r.Findings) == 0 {
		return "no findings"
	}
	var parts []string
	for _, severity := range severities {
		n := 0
		for _, f := range r.Findings {
			if f.Severity == severity {
				n++
			}
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, severity))
	}
	return strings.Join(parts, ", ")
}

// byRule cuts the findings, which are in order, into those of each rule.
func byRule(findings []Finding) [][]Finding {
	var groups [][]Finding
	for i, f := range findings {
		if i == 0 || findings[i-1].Rule != f.Rule {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], f)
	}
	return groups
}

// writeGroup writes the findings of a rule, apart by what is to be done about them.
func writeGroup(text *strings.Builder, group []Finding, wide bool) {
	var fixes []string
	alike := map[string][]Finding{}
	for _, f := range group {
		if alike[f.Fix] == nil {
			fixes = append(fixes, f.Fix)
		}
		alike[f.Fix] = append(alike[f.Fix], f)
	}
	for _, fix := range fixes {
		writeAlike(text, alike[fix], wide)
	}
}

// writeAlike writes findings that have the same to be done about them.
func writeAlike(text *strings.Builder, group []Finding, wide bool) {
	fmt.Fprintf(text, "\n%s: %s\n", group[0].Rule, group[0].Fix)
	for i, f := range group {
		if i == mostObjects && !wide && len(group) > mostObjects+1 {
			fmt.Fprintf(text, "  and %d more\n", len(group)-i)
			return
		}
		file := ""
		if f.File != "" {
			file = " in " + f.File
		}
		fmt.Fprintf(text, "  %s%s: %s\n", f.Object, file, f.Message)
	}
}
