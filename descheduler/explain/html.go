package explain

import (
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/internal/page"
)

// longestOnPage is the maximum number of rows in a table of a page: more make browsers slow.
const longestOnPage = 1000

// viewColours are the colours of the views, in their order.
var viewColours = []page.Colour{page.Muted, page.Own, page.Good}

// writeHTML writes the document as a page.
func writeHTML(w io.Writer, doc Document) error {
	summary := summarize(doc)
	list := moves(doc)
	p := page.Page{
		Product: "Stowage descheduler", Title: summary.Headline, Alarm: stopped(doc) != "", Subtitle: strings.Join(about(doc.Run), ", "),
	}
	for _, line := range append([]string{stopped(doc), landing(doc, summary)}, notes(doc, summary)...) {
		if line != "" {
			p.Remarks = append(p.Remarks, line)
		}
	}
	if s, has := utilisation(views(doc)); has {
		p.Sections = append(p.Sections, s)
	}
	add := func(title string, folded bool, s sheet) {
		if len(s.Rows) > 0 {
			p.Sections = append(p.Sections, page.Section{Title: title, Tables: []page.Table{table(title, folded, s)}})
		}
	}
	add("Moves", false, moveSheet(list, true, doc.Result != nil))
	add(failedTitle, false, errorSheet(list))
	if doc.Result != nil {
		add(droppedTitle, false, groupSheet(group(doc.Result.Dropped)))
	}
	add(stayingTitle, false, groupSheet(group(staying(doc.Plan))))
	add(refusedTitle, true, refusalSheet(doc.Plan.Refused))
	return p.Write(w)
}

// table is a table with at most longestOnPage rows.
func table(title string, folded bool, s sheet) page.Table {
	t := page.Table{Title: title, Folded: folded, Header: s.Header, Rows: s.Rows}
	if len(t.Rows) > longestOnPage {
		t.Rows, t.After = s.Rows[:longestOnPage], left(len(s.Rows)-longestOnPage)
	}
	return t
}

// utilisation is the section about the requests on the nodes, with a histogram per resource.
func utilisation(pictures []view) (page.Section, bool) {
	rows := statistics(pictures)
	s := page.Section{
		Title:  utilizationTitle,
		Text:   []string{"Nodes in use, " + titles(pictures) + ": " + nodes(pictures) + "."},
		Tables: []page.Table{page.TableOf("In percent, "+titles(pictures), rows)},
	}
	for _, r := range resources(pictures) {
		b := &page.Bars{Upright: true, Categories: classes[:]}
		for i, u := range r.Views {
			bars := page.BarSeries{Name: pictures[i].Title, Colour: viewColours[i]}
			for _, n := range u.Histogram {
				bars.Values = append(bars.Values, page.Exactly(float64(n)))
			}
			b.Series = append(b.Series, bars)
		}
		s.Charts = append(s.Charts, page.Chart{Title: string(r.Name), About: "Number of nodes by the share of " + string(r.Name) + " that is requested", Bars: b})
	}
	return s, len(s.Charts) > 0
}
