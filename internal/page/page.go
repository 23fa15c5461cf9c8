// Package page writes reports as one self-contained HTML file that loads nothing, for phones,
// print, light and dark mode. Charts are drawn by Apache ECharts, which hack/charts.sh builds
// into assets/. The data of each chart is also in a table.
package page

import (
	"fmt"
	"io"
	"slices"
)

// Page is a report.
type Page struct {
	// Product is what made the report, and Title what it says, in one line each.
	Product, Title string
	// Alarm says that the title is bad news.
	Alarm bool
	// Subtitle says when and where it was.
	Subtitle string
	// Remarks are sentences to read before the rest.
	Remarks []string
	// Subjects are those that are compared, who have the same colours in all charts.
	Subjects []string
	// Headlines are the figures that matter most.
	Headlines []Headline
	Sections  []Section
	// Shortcomings are sentences on what falls short, or is missing.
	Shortcomings []string
	Environment  []Fact
}

// Headline is a figure that matters, and how to measure it again.
type Headline struct {
	// Value is a short text such as "21 ×", and What says what that is.
	Value, What string
	// Noise says how far it varied, if that is known.
	Noise string
	// Rivals are what it compares, drawn as bars; none if it compares nothing.
	Rivals []Rival
	// Command is what measures it again.
	Command string
}

// Rival is one of those that a headline compares.
type Rival struct {
	Name string
	// Value is 0 or more, and Text the same as it is shown.
	Value float64
	Text  string
}

// Section is a part of the page: its charts, then its tables.
type Section struct {
	Title string
	// Command is what measures its figures again, if they were measured.
	Command string
	Text    []string
	Charts  []Chart
	Tables  []Table
}

// Table is a table. The first cell of each row says what the row is about.
type Table struct {
	Title string
	// Header has as many cells as every row.
	Header []string
	Rows   [][]string
	// Folded hides the table until somebody asks for it.
	Folded bool
	// After is a remark about it, such as what it omits.
	After string
}

// TableOf returns a table of rows, the first of which is its header.
func TableOf(title string, rows [][]string) Table {
	return Table{Title: title, Header: rows[0], Rows: rows[1:]}
}

// Fact is a name and what goes with it.
type Fact struct{ Name, Text string }

// section is a Section as the template takes it.
type section struct {
	Section
	Figures []figure
}

// Write writes the page. If something cannot be shown, it returns an error and writes nothing.
func (p Page) Write(out io.Writer) error {
	content := content{Page: p}
	palette := &palette{subjects: slices.DeleteFunc(slices.Clone(p.Subjects), isOwn)}
	for _, s := range p.Sections {
		shown := section{Section: s}
		for _, c := range s.Charts {
			f, err := newFigure(c, palette)
			if err != nil {
				return fmt.Errorf("section %q, chart %q: %w", s.Title, c.Title, err)
			}
			for i := range f.Panels {
				f.Panels[i].Number = len(content.Drawings)
				content.Drawings = append(content.Drawings, f.Panels[i].drawing)
			}
			shown.Figures = append(shown.Figures, f)
		}
		for _, t := range s.Tables {
			if i := slices.IndexFunc(t.Rows, func(row []string) bool { return len(row) != len(t.Header) }); i >= 0 {
				return fmt.Errorf("section %q, table %q: row %d has %d cells, the header %d", s.Title, t.Title, i, len(t.Rows[i]), len(t.Header))
			}
		}
		content.Sections = append(content.Sections, shown)
	}
	return content.write(out)
}
