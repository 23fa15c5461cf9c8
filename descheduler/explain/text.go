package explain

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/stowage-k8s/stowage/internal/report"
)

// The titles of sections.
const (
	failedTitle      = "Failed evictions"
	droppedTitle     = "Planned moves that were dropped because the cluster had changed"
	stayingTitle     = "Not moved"
	refusedTitle     = "All refused moves"
	utilizationTitle = "Requests per node, in percent of allocatable"
)

const (
	// longest is the maximum number of rows in a table that is not wide.
	longest = 50
	// barWidth is the length of the longest bar, in characters.
	barWidth = 20
)

// writeText writes the document for a terminal.
func writeText(w io.Writer, doc Document, wide bool) error {
	var b strings.Builder
	summary := summarize(doc)
	for _, line := range []string{summary.Headline, stopped(doc), landing(doc, summary), strings.Join(about(doc.Run), ", ")} {
		if line != "" {
			fmt.Fprintln(&b, clean(line))
		}
	}
	for _, note := range notes(doc, summary) {
		fmt.Fprintln(&b, "Note: "+clean(note))
	}
	section := func(title string, s sheet) {
		if len(s.Rows) == 0 {
			return
		}
		if title != "" {
			title += "\n"
		}
		fmt.Fprint(&b, "\n"+title+s.text(wide))
	}
	list := moves(doc)
	section("", moveSheet(list, wide, doc.Result != nil))
	section(failedTitle, errorSheet(list))
	if doc.Result != nil {
		section(droppedTitle, groupSheet(group(doc.Result.Dropped)))
	}
	section(stayingTitle, groupSheet(group(staying(doc.Plan))))
	if wide {
		section(refusedTitle, refusalSheet(doc.Plan.Refused))
	}
	pictures := views(doc)
	if all := resources(pictures); len(all) > 0 {
		fmt.Fprintf(&b, "\n%s: %s (nodes in use: %s)\n%s", utilizationTitle, titles(pictures), nodes(pictures), report.Table(statistics(pictures)))
		for _, s := range all {
			if wide || s.tells() {
				fmt.Fprint(&b, "\n"+histogram(s, pictures))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text formats the table, and says how many rows are not shown.
func (s sheet) text(wide bool) string {
	rows, more := s.Rows, 0
	if !wide && len(rows) > longest {
		rows, more = rows[:longest], len(rows)-longest
	}
	text := layOut(append([][]string{s.Header}, rows...))
	if more > 0 {
		text += left(more) + "\n"
	}
	return text
}

// layOut aligns the columns to the left, as kubectl does.
func layOut(rows [][]string) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
	return b.String()
}

// left says how many rows are not shown.
func left(more int) string {
	return fmt.Sprintf("… and %d more (-o wide or -o json shows all)", more)
}

// clean removes control characters from names and errors, so that they cannot move the cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// histogram draws the distribution of node utilization, with the views side by side.
func histogram(s series, list []view) string {
	rows := [][]string{{string(s.Name)}}
	for _, v := range list {
		rows[0] = append(rows[0], strings.ToUpper(v.Title))
	}
	most := s.largest()
	width := len(fmt.Sprint(most))
	for i, class := range classes {
		row := []string{fmt.Sprintf("%8s", class)}
		for _, u := range s.Views {
			row = append(row, strings.TrimRight(fmt.Sprintf("%*d %s", width, u.Histogram[i], bar(u.Histogram[i], most)), " "))
		}
		rows = append(rows, row)
	}
	return layOut(rows)
}

// bar is a bar for n whose length is relative to most. It is empty only for 0.
func bar(n, most int) string {
	if n == 0 {
		return ""
	}
	return strings.Repeat("█", max(1, (n*barWidth+most/2)/most))
}
