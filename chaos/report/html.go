package report

import (
	_ "embed"
	"html/template"
	"strings"
	"unicode/utf8"
)

// longestOnPage is the most rows of a table of a page but for that of the workloads, which
// has all: browsers crawl beyond.
const longestOnPage = 1000

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"long": long, "gallery": newGallery}).Parse(pageSource))

// long says whether a cell is text that may wrap, rather than a name.
func long(cell string) bool { return utf8.RuneCountInString(cell) > 40 }

// gallery is charts with a title, and what the colours stand for.
type gallery struct {
	Title  string
	Keys   []key
	Charts []chart
}

// key is what a colour stands for.
type key struct{ Class, Text string }

func newGallery(title string, charts []chart, keys ...string) gallery {
	g := gallery{Title: title, Charts: charts}
	for i := 0; i+1 < len(keys); i += 2 {
		g.Keys = append(g.Keys, key{keys[i], keys[i+1]})
	}
	return g
}

// tableOnPage is a table, cut where a browser would crawl.
type tableOnPage struct {
	sheet
	// More says how many rows are left out, if any are.
	More string
}

// html returns the report as a page.
func (r *Report) html() (string, error) {
	content := struct {
		Headline, Facts                               string
		Alarm                                         bool
		Remarks                                       []string
		Tables                                        []tableOnPage
		Timeline, Histogram, Availability, Allowances []chart
		Drawn, Workloads                              int
	}{
		Headline: clean(r.headline()), Facts: clean(r.facts()), Alarm: r.Verdict != "held", Remarks: r.remarks(),
		Timeline: r.timeline(), Histogram: r.histogram(), Availability: r.availability(), Allowances: r.allowances(),
		Workloads: len(r.Workloads),
	}
	content.Drawn = len(content.Availability)
	for i, s := range r.sheets(true) {
		t := tableOnPage{sheet: s}
		if len(s.Rows) > longestOnPage && i != workloadSheet {
			t.Rows, t.More = s.Rows[:longestOnPage], left(len(s.Rows)-longestOnPage)
		}
		content.Tables = append(content.Tables, t)
	}
	var b strings.Builder
	err := page.Execute(&b, content)
	return b.String(), err
}
