package tui

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/charmbracelet/x/ansi"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// entry is a line of a prediction: headings where there are no cells, a note where there
// are no columns.
type entry struct {
	columns []column
	cells   []cell
	note    string
}

func (e entry) draw(width int) string {
	switch {
	case e.columns == nil:
		return ansi.Truncate(e.note, width, "…")
	case e.cells == nil:
		return headings(e.columns, width)
	}
	return "  " + line(e.columns, e.cells, width-2, true)
}

// The tables of a prediction: 78 wide each.
var (
	workloadFates = []column{{"WORKLOAD", 30, 1, false}, {"NOW", 15, 0, false}, {"FLOOR", 7, 0, true}, {"AT THE END", 11, 0, true}}
	budgetFates   = []column{{"BUDGET", 30, 1, false}, {"ALLOWS", 7, 0, true}, {"USED", 7, 0, true}, {"", 20, 0, false}}
	podFates      = []column{{"POD", 24, 1, false}, {"FROM", 12, 1, false}, {"WAVE", 4, 0, true}, {"OUTCOME", fateWidth, 2, false}}
)

// fateWidth is what a fate has on a terminal of 80 columns. A reason that makes it longer
// gets a line of its own.
const fateWidth = 33

// urgency is the order of fates: first what a user should see.
var urgency = map[assess.Fate]int{assess.Pending: 0, assess.Unknown: 1, assess.Unreplaced: 2, assess.Kept: 3, assess.Fits: 4, assess.Stays: 5}

// entries lays out a prediction, with an empty line between its tables.
func entries(p *assess.Prediction) []entry {
	var all []entry
	for _, table := range [][]entry{workloadEntries(p), budgetEntries(p), podEntries(p)} {
		switch {
		case len(table) == 0:
			continue
		case len(all) > 0:
			all = append(all, entry{})
		}
		all = append(append(all, entry{columns: table[0].columns}), table...)
	}
	return all
}

func workloadEntries(p *assess.Prediction) []entry {
	var lines []entry
	for _, w := range p.Workloads {
		lines = append(lines, entry{columns: workloadFates, cells: []cell{
			plain("%s", w.Workload), plain("%s", readyBar(w.Ready, w.Desired)), badIf(w.Floor == 0, "%d", w.Floor), badIf(w.After < w.Ready, "%d", w.After),
		}})
	}
	return lines
}

func budgetEntries(p *assess.Prediction) []entry {
	var lines []entry
	for _, b := range p.Budgets {
		left := cell{}
		switch {
		case b.Broken:
			left = cell{"BROKEN", true}
		case b.Spent >= b.Allowed:
			left = plain("nothing left")
		}
		lines = append(lines, entry{columns: budgetFates, cells: []cell{plain("%s/%s", b.Namespace, b.Budget), plain("%d", b.Allowed), plain("%d", b.Spent), left}})
	}
	return lines
}

func podEntries(p *assess.Prediction) []entry {
	var lines []entry
	fates := slices.SortedStableFunc(slices.Values(p.Pods), func(a, b assess.PodFate) int { return cmp.Compare(urgency[a.Fate], urgency[b.Fate]) })
	for _, f := range fates {
		wave := cell{}
		if f.Wave > 0 {
			wave = plain("%d", f.Wave)
		}
		becomes, note := fate(f), ""
		switch with := becomes.text + ": " + f.Reason; {
		case f.Reason == "":
		case ansi.StringWidth(with) <= fateWidth:
			becomes.text = with
		default:
			note = "      " + clean(f.Reason)
		}
		lines = append(lines, entry{columns: podFates, cells: []cell{plain("%s/%s", f.Namespace, f.Pod), plain("%s", f.From), wave, becomes}})
		if note != "" {
			lines = append(lines, entry{note: note})
		}
	}
	return lines
}

// fate says what becomes of a pod, but for why.
func fate(f assess.PodFate) cell {
	switch f.Fate {
	case assess.Fits:
		others := ""
		if n := len(f.Possible) - 1; n > 0 {
			others = fmt.Sprintf(", or %d more", n)
		}
		return plain("to %s%s", f.Node, others)
	case assess.Pending:
		return cell{"PENDING", true}
	case assess.Unknown:
		return plain("unknown")
	case assess.Unreplaced:
		return cell{"not replaced", true}
	case assess.Kept:
		return plain("kept")
	}
	return plain("stays")
}
