package explain

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"unicode/utf8"
)

// longestOnPage is the most rows of a table of a page: browsers crawl beyond.
const longestOnPage = 1000

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"section": section, "long": long}).Parse(pageSource))

// writeHTML writes the document as a page.
func writeHTML(w io.Writer, doc Document) error {
	summary := summarize(doc)
	list := moves(doc)
	pictures := views(doc)
	table := statistics(pictures)
	content := struct {
		Summary                                   Summary
		Stopped, Landing                          string
		About, Notes                              []string
		Moves, Failed, Dropped, Staying, Refusals sheet
		Titles, Nodes                             string
		Statistics                                sheet
		Charts                                    []chart
	}{
		Summary:    summary,
		Stopped:    stopped(doc),
		Landing:    landing(doc, summary),
		About:      about(doc.Run),
		Notes:      doc.Plan.Notes,
		Moves:      moveSheet(list, true, doc.Result != nil),
		Failed:     errorSheet(list),
		Staying:    groupSheet(group(staying(doc.Plan))),
		Refusals:   refusalSheet(doc.Plan.Refused),
		Titles:     titles(pictures),
		Nodes:      nodes(pictures),
		Statistics: sheet{Header: table[0], Rows: table[1:]},
	}
	if doc.Result != nil {
		content.Dropped = groupSheet(group(doc.Result.Dropped))
	}
	for _, s := range resources(pictures) {
		content.Charts = append(content.Charts, newChart(s, pictures))
	}
	// Whole pages only: a template that fails halfway has written the first half.
	var b strings.Builder
	if err := page.Execute(&b, content); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// titled is a table with a title, cut where a browser would crawl.
type titled struct {
	Title string
	sheet
	// More is how many rows are left out.
	More int
}

func section(title string, s sheet) titled {
	t := titled{Title: title, sheet: s}
	if len(s.Rows) > longestOnPage {
		t.Rows, t.More = s.Rows[:longestOnPage], len(s.Rows)-longestOnPage
	}
	return t
}

// long says whether a cell is text that may wrap, rather than a name.
func long(cell string) bool { return utf8.RuneCountInString(cell) > 40 }

// Sizes of a chart, in pixels of its own; it is scaled to the screen.
const (
	chartWidth = 340
	barsLeft   = 60
	barsWidth  = chartWidth - barsLeft - 44
	barHeight  = 11
	classGap   = 5
)

// chart is a histogram of one resource, a bar per class and view.
type chart struct {
	Name          string
	Titles        []string
	Width, Height int
	Labels        []label
	Bars          []rectangle
}

type label struct {
	Y    int
	Text string
}

type rectangle struct {
	X, Y, Width, Height int
	// View is the index of the view, for the colour.
	View int
	// CountX and CountY are where the count is written.
	CountX, CountY, Count int
	Tip                   string
}

// newChart lays a chart out.
func newChart(s series, pictures []view) chart {
	c := chart{Name: string(s.Name), Width: chartWidth}
	for _, v := range pictures {
		c.Titles = append(c.Titles, v.Title)
	}
	most := max(1, s.largest())
	for i, class := range classes {
		c.Labels = append(c.Labels, label{Y: c.Height + len(s.Views)*barHeight/2 + 4, Text: class})
		for j, u := range s.Views {
			n := u.Histogram[i]
			r := rectangle{X: barsLeft, Y: c.Height + j*barHeight, Height: barHeight - 1, View: j, Count: n, Tip: fmt.Sprintf("%s, %s: %s", pictures[j].Title, class, count(n, "node"))}
			if n > 0 {
				r.Width = max(1, n*barsWidth/most)
			}
			r.CountX, r.CountY = r.X+r.Width+4, r.Y+barHeight-2
			c.Bars = append(c.Bars, r)
		}
		c.Height += len(s.Views)*barHeight + classGap
	}
	return c
}
