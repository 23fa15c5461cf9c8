package report

import (
	"fmt"
	"strings"

	"github.com/stowage-k8s/stowage/internal/page"
	layout "github.com/stowage-k8s/stowage/internal/report"
)

// longestOnPage is the most rows of a table of a page but for that of the workloads, which
// has all: browsers crawl beyond.
const longestOnPage = 1000

// html returns the report as a page.
func (r *Report) html() (string, error) {
	p := page.Page{
		Product: "Stowage chaos", Title: r.headline(), Alarm: r.Verdict != "held", Subtitle: r.facts(), Remarks: r.remarks(), Headlines: r.cards(),
	}
	add := func(title string, charts []page.Chart, text ...string) {
		if len(charts) > 0 {
			p.Sections = append(p.Sections, page.Section{Title: title, Charts: charts, Text: text})
		}
	}
	add("Timeline", r.timeline())
	availability := r.availability()
	var left []string
	if drawn := len(availability); drawn < len(r.Workloads) {
		left = append(left, fmt.Sprintf("The charts show %d of %d workloads, those with the lowest floor. The table has all.", drawn, len(r.Workloads)))
	}
	add("Ready pods", availability, left...)
	add("Disruptions that budgets allow", r.allowances())
	for i, s := range r.sheets(true) {
		if len(s.Rows) > 0 {
			p.Sections = append(p.Sections, tableSection(s, i == workloadSheet))
		}
	}
	var b strings.Builder
	err := p.Write(&b)
	return b.String(), err
}

// tableSection is a section with a table, cut where a browser would crawl.
func tableSection(s sheet, whole bool) page.Section {
	title, rest, _ := strings.Cut(s.Title, ", ")
	t := page.Table{Title: title, Header: s.Header, Rows: s.Rows}
	if len(t.Rows) > longestOnPage && !whole {
		t.Rows, t.After = s.Rows[:longestOnPage], left(len(s.Rows)-longestOnPage)
	}
	section := page.Section{Title: title, Tables: []page.Table{t}}
	if rest != "" {
		section.Text = []string{upperFirst(rest) + "."}
	}
	return section
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// cards are the figures that matter most; none where nothing was done.
func (r *Report) cards() []page.Headline {
	t := r.Totals
	if r.Run.DryRun || len(r.losses) == 0 {
		return nil
	}
	list := []page.Headline{{
		Value: layout.Count(t.Drawn+t.Others, "pod"), What: "lost: " + listed(tally{t.Drawn, "drawn by the run"}, tally{t.Others, "not drawn"}),
	}}
	if t.Recovery.P50 != nil {
		list = append(list, page.Headline{
			Value: seconds(*t.Recovery.P50), What: "until half of them had a ready replacement", Noise: "99 %: " + t.Recovery.write(t.Recovery.P99),
		})
	}
	if len(r.Workloads) > 0 && r.Workloads[0].Floor != nil {
		w := r.Workloads[0]
		list = append(list, page.Headline{Value: percent(w.Floor.Percent), What: "of the pods of " + w.Workload + " were ready at the worst moment", Noise: fmt.Sprintf("after %s", seconds(w.Floor.Seconds))})
	}
	broken := 0
	for _, b := range r.Budgets {
		if b.Broken {
			broken++
		}
	}
	if len(r.Budgets) > 0 {
		list = append(list, page.Headline{Value: fmt.Sprint(broken), What: fmt.Sprintf("of %s that changed were broken", layout.Count(len(r.Budgets), "budget"))})
	}
	if p := r.Prediction; p != nil {
		list = append(list, page.Headline{Value: percent(p.Percent), What: fmt.Sprintf("of the prediction was correct: %d of %s", p.Right, layout.Count(p.Statements, "statement"))})
	}
	return list
}
