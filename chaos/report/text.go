package report

import (
	"fmt"
	"strings"

	layout "github.com/stowage-k8s/stowage/internal/report"
)

// longest is the most rows of a table that is not wide.
const longest = 50

// text returns the report for a terminal.
func (r *Report) text(wide bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", clean(r.headline()), clean(r.facts()))
	for _, remark := range r.remarks() {
		fmt.Fprintln(&b, "- "+remark)
	}
	for _, s := range r.sheets(wide) {
		if len(s.Rows) == 0 {
			continue
		}
		rows, more := s.Rows, 0
		if !wide && len(rows) > longest {
			rows, more = rows[:longest], len(rows)-longest
		}
		fmt.Fprintf(&b, "\n%s\n%s", s.Title, layout.Table(append([][]string{s.Header}, rows...)))
		if more > 0 {
			fmt.Fprintln(&b, left(more))
		}
	}
	return b.String()
}

func left(more int) string { return fmt.Sprintf("… and %d more (-o wide or json shows all)", more) }

// markdown returns the report for an issue or a page.
func (r *Report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Chaos: %s\n\n%s\n", escaped(r.headline()), escaped(r.facts()))
	if remarks := r.remarks(); len(remarks) > 0 {
		b.WriteString("\n")
		for _, remark := range remarks {
			fmt.Fprintf(&b, "- %s\n", escaped(remark))
		}
	}
	for _, s := range r.sheets(true) {
		if len(s.Rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		line := func(cells []string) {
			for _, cell := range cells {
				b.WriteString("| " + escaped(cell) + " ")
			}
			b.WriteString("|\n")
		}
		line(s.Header)
		b.WriteString(strings.Repeat("|---", len(s.Header)) + "|\n")
		for _, row := range s.Rows {
			line(row)
		}
	}
	return b.String()
}

var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "#", `\#`, "@", "&#64;", "`", "\\`",
)

// escaped keeps text from being taken for markup, and from calling people by their names.
func escaped(s string) string { return markdownEscapes.Replace(clean(s)) }
