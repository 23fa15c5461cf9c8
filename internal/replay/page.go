package replay

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/internal/page"
	"github.com/stowage-k8s/stowage/internal/report"
)

// WritePage writes the answer as a page.
func (a *Answer) WritePage(w io.Writer) error {
	p := page.Page{
		Product: "kubectl stowage try", Title: a.title(), Subtitle: a.about(), Subjects: a.names(), Headlines: a.headlines(),
		Sections: []page.Section{a.nodesSection(), a.kindsSection(), a.pendingSection(), a.subjectsSection()},
	}
	for _, note := range a.Notes {
		p.Remarks = append(p.Remarks, strings.ToUpper(note[:1])+note[1:]+".")
	}
	return p.Write(w)
}

// title says how many nodes are used now, and by the best of the subjects.
func (a *Answer) title() string {
	best := a.best()
	if len(best) == 0 {
		return fmt.Sprintf("%s in use now", report.Count(a.Results[0].NodesUsed, "node"))
	}
	var names []string
	for _, r := range best {
		names = append(names, r.Name)
	}
	return fmt.Sprintf("%s in use now, %d with %s", report.Count(a.Results[0].NodesUsed, "node"), best[0].NodesUsed, strings.Join(names, " or "))
}

// best returns the subjects that leave the fewest pods pending, and of these the ones that use
// the fewest nodes.
func (a *Answer) best() []Result {
	var best []Result
	for _, r := range a.Results[1:] {
		switch {
		case len(best) == 0 || r.Pending < best[0].Pending || r.Pending == best[0].Pending && r.NodesUsed < best[0].NodesUsed:
			best = []Result{r}
		case r.Pending == best[0].Pending && r.NodesUsed == best[0].NodesUsed:
			best = append(best, r)
		}
	}
	return best
}

func (a *Answer) names() []string {
	var all []string
	for _, r := range a.Results {
		all = append(all, r.Name)
	}
	return all
}

// headlines are the figures that people ask for.
func (a *Answer) headlines() []page.Headline {
	best := append(a.best(), a.Results[0])[0]
	compared := func(of func(Result) float64, text func(Result) string) (rivals []page.Rival) {
		for _, r := range a.Results {
			rivals = append(rivals, page.Rival{Name: r.Name, Value: of(r), Text: text(r)})
		}
		return rivals
	}
	list := []page.Headline{{
		Value: report.Count(best.NodesUsed, "node"), What: "used with " + best.Name + ". " + a.needed(),
		Rivals: compared(func(r Result) float64 { return float64(r.NodesUsed) }, func(r Result) string { return fmt.Sprint(r.NodesUsed) }),
	}, {
		Value: report.Count(best.NodesRemovable, "node"), What: "could be switched off with " + best.Name,
		Rivals: compared(func(r Result) float64 { return float64(r.NodesRemovable) }, func(r Result) string { return fmt.Sprint(r.NodesRemovable) }),
	}}
	if best.PricePerHour != nil {
		list = append(list, page.Headline{
			Value: money(best.PricePerHour), What: a.perHour() + " with " + best.Name + ", without the nodes that could be switched off. All nodes cost " + money(a.PricePerHour),
			Rivals: compared(func(r Result) float64 { return *r.PricePerHour }, func(r Result) string { return money(r.PricePerHour) }),
		})
	}
	return list
}

func (a *Answer) nodesSection() page.Section {
	heat := &page.Heatmap{Unit: "%", Each: "node"}
	for _, r := range a.Results {
		heat.Grids = append(heat.Grids, page.Grid{Name: r.Name, Values: r.cpu})
	}
	s := page.Section{Title: "Nodes", Tables: []page.Table{page.TableOf("Results", a.rows())}}
	if a.Nodes > 0 {
		s.Charts = []page.Chart{{Title: "cpu requested on each node", Wide: true, About: "Nodes that are alike are beside each other, in the same place in each picture.", Heatmap: heat}}
	}
	s.Tables[0].After = "cpu and memory: requested ÷ allocatable of the nodes used."
	return s
}

func (a *Answer) kindsSection() page.Section {
	s := page.Section{Title: "Kinds of nodes", Tables: []page.Table{page.TableOf("Nodes used", a.kindRows())}}
	if len(a.Kept) > 0 {
		rows := [][]string{{"node", "why"}}
		for _, kept := range a.Kept {
			rows = append(rows, []string{kept.Node, kept.Reason})
		}
		t := page.TableOf("Never counted as removable", rows)
		t.Folded = true
		s.Tables = append(s.Tables, t)
	}
	return s
}

func (a *Answer) pendingSection() page.Section {
	s := page.Section{Title: "Pending pods"}
	rows := [][]string{{"", "pods", "reason of most nodes"}}
	for _, r := range a.Results {
		for _, reason := range r.Reasons {
			rows = append(rows, []string{r.Name, fmt.Sprint(reason.Pods), reason.Reason})
		}
	}
	if len(rows) == 1 {
		s.Text = []string{"None: all pods have a node, now and with each of the profiles."}
		return s
	}
	s.Tables = []page.Table{page.TableOf("Pending", rows)}
	return s
}

func (a *Answer) subjectsSection() page.Section {
	rows := [][]string{{"", "what it is"}}
	for _, r := range a.Results {
		rows = append(rows, []string{r.Name, r.Settings})
	}
	return page.Section{Title: "What is compared", Tables: []page.Table{page.TableOf("Profiles", rows)}}
}
