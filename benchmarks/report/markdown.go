package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/internal/report"
)

// JSON writes the report for programs: all results, with the headlines.
func (r *Report) JSON(out io.Writer) error { return report.WriteJSON(out, r) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "`", "\\`", "\n", " ")

// Markdown writes the headlines as a table, for a README.
func (r *Report) Markdown(out io.Writer) error {
	var b strings.Builder
	b.WriteString("| | what it is | compared | varied | measured by |\n|---|---|---|---|---|\n")
	for _, h := range r.Headlines {
		var rivals []string
		for _, rival := range h.Rivals {
			rivals = append(rivals, rival.Subject+" "+rival.Text)
		}
		fmt.Fprintf(&b, "| **%s** | %s | %s | %s | `%s` |\n",
			markdownEscapes.Replace(h.Value), markdownEscapes.Replace(h.What), markdownEscapes.Replace(strings.Join(rivals, ", ")),
			markdownEscapes.Replace(h.Noise), strings.ReplaceAll(strings.ReplaceAll(h.Command, "`", "'"), "|", `\|`))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Summary says in some lines what the report has, for a terminal.
func (r *Report) Summary() string {
	var b strings.Builder
	for _, h := range r.Headlines {
		fmt.Fprintf(&b, "%-12s %s: %s\n", h.Value, h.Benchmark, h.What)
	}
	for _, name := range r.Missing {
		fmt.Fprintf(&b, "there are no results of %s: make bench-%s measures it\n", name, name)
	}
	for _, why := range r.Skipped {
		fmt.Fprintf(&b, "left out: %s\n", why)
	}
	return b.String()
}
