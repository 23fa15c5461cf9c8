package explain

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// none replaces empty cells, as in kubectl.
const none = "<none>"

// sheet is a table with its header, for terminals and pages.
type sheet struct {
	Header []string
	Rows   [][]string
}

// move is a line about a move. A move that was tried twice has two.
type move struct {
	plan.Move
	wave int
	// eviction is nil if it was not tried.
	eviction *plan.Eviction
}

// moves returns the moves that were tried and then the others, or all that are planned if
// there is no result.
func moves(doc Document) []move {
	waves := make([]int, len(doc.Plan.Moves))
	for i, wave := range doc.Plan.Waves {
		for _, m := range wave {
			waves[m] = i + 1
		}
	}
	var list []move
	tried := map[string]bool{}
	if doc.Result != nil {
		for i := range doc.Result.Evictions {
			e := &doc.Result.Evictions[i]
			tried[id(e.Move.Pod)] = true
			list = append(list, move{Move: e.Move, wave: e.Wave, eviction: e})
		}
	}
	for i, m := range doc.Plan.Moves {
		if !tried[id(m.Pod)] {
			list = append(list, move{Move: m, wave: waves[i]})
		}
	}
	return list
}

// column is one of the table of moves.
type column struct {
	title string
	// wide columns are only in the wide table, carried columns only for executed plans.
	wide, carried bool
	// mixed columns are only in tables with moves by a stand-in.
	mixed bool
	cell  func(move) string
}

var columns = []column{
	{title: "POD", cell: func(m move) string { return fullName(m.Pod) }},
	{title: "FROM", cell: func(m move) string { return m.From }},
	{title: "TO", cell: func(m move) string { return m.To }},
	{title: "MOVED BY", mixed: true, cell: movedBy},
	{title: "STRATEGY", cell: func(m move) string { return m.Strategy }},
	{title: "IMPROVES", cell: func(m move) string { return m.Improves }},
	{title: "BUDGET", cell: func(m move) string { return m.Budget }},
	{title: "WAVE", cell: func(m move) string { return number(m.wave) }},
	{title: "OUTCOME", carried: true, cell: outcome},
	{title: "LANDED ON", carried: true, cell: landedOn},
	{title: "READY AFTER", carried: true, cell: readyAfter},
	{title: "WORKLOAD", wide: true, cell: func(m move) string { return m.Pod.Workload }},
	{title: "PROFILE", wide: true, cell: func(m move) string { return m.Profile }},
	{title: "SCHEDULER", wide: true, cell: func(m move) string { return m.Scheduler }},
	{title: "SCORE", wide: true, cell: scores},
	{title: "POSSIBLE", wide: true, cell: func(m move) string { return number(m.Choices) }},
	{title: "GAIN", wide: true, cell: func(m move) string { return strconv.FormatFloat(m.Gain, 'g', 4, 64) }},
	{title: "SWAP", wide: true, cell: func(m move) string { return number(m.Together) }},
	{title: "REASON", wide: true, cell: func(m move) string { return cluster.Notes(m.Reason, m.Note) }},
	{title: "ERROR", wide: true, carried: true, cell: func(m move) string {
		if m.eviction == nil {
			return ""
		}
		return m.eviction.Error
	}},
}

// moveSheet is the table of moves.
func moveSheet(list []move, wide, carried bool) sheet {
	var shown []column
	mixed := slices.ContainsFunc(list, func(m move) bool { return m.StandIn })
	for _, c := range columns {
		if (wide || !c.wide) && (carried || !c.carried) && (mixed || !c.mixed) {
			shown = append(shown, c)
		}
	}
	s := sheet{}
	for _, c := range shown {
		s.Header = append(s.Header, c.title)
	}
	for _, m := range list {
		row := make([]string, len(shown))
		for i, c := range shown {
			row[i] = c.cell(m)
		}
		s.add(row...)
	}
	return s
}

// add adds a row. Empty cells become none.
func (s *sheet) add(row ...string) {
	for i, cell := range row {
		row[i] = cmp.Or(clean(cell), none)
	}
	s.Rows = append(s.Rows, row)
}

func movedBy(m move) string {
	if m.StandIn {
		return "stand-in"
	}
	return "eviction"
}

func outcome(m move) string {
	if m.eviction == nil {
		return "NotTried"
	}
	return string(m.eviction.Outcome)
}

func landedOn(m move) string {
	switch e := m.eviction; {
	case e == nil:
		return ""
	case e.Returned:
		return e.LandedOn + " (returned)"
	case e.Useless:
		return e.LandedOn + " (no better)"
	default:
		return e.LandedOn
	}
}

func readyAfter(m move) string {
	if m.eviction == nil || m.eviction.ReadyAfter == 0 {
		return ""
	}
	return m.eviction.ReadyAfter.Round(100 * time.Millisecond).String()
}

// scores are the scores of the current and of the new node.
func scores(m move) string {
	of := func(node string) string {
		for _, s := range m.Scores {
			if s.Node == node {
				return strconv.FormatInt(s.Total, 10)
			}
		}
		return none
	}
	from, to := of(m.From), of(m.To)
	if from == none && to == none {
		return ""
	}
	return from + " → " + to
}

// number shows a number; 0 is none.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// groupSheet is the table of refusals in groups.
func groupSheet(groups []Group) sheet {
	s := sheet{Header: []string{"PODS", "STRATEGY", "RULE", "REASON", "EXAMPLE"}}
	for _, g := range groups {
		s.add(strconv.Itoa(g.Count), g.Strategy, string(g.Rule), g.Reason, fullName(g.Example))
	}
	return s
}

// refusalSheet is the table of single refusals.
func refusalSheet(refusals []plan.Refusal) sheet {
	s := sheet{Header: []string{"POD", "NODE", "STRATEGY", "RULE", "REASON", "WORKLOAD", "PROFILE"}}
	for _, r := range refusals {
		s.add(fullName(r.Pod), r.Node, r.Strategy, string(r.Rule), r.Reason, r.Pod.Workload, r.Profile)
	}
	return s
}

// errorSheet is the table of failed evictions in groups.
func errorSheet(list []move) sheet {
	var failed []plan.Refusal
	for _, m := range list {
		if e := m.eviction; e != nil && e.Error != "" {
			failed = append(failed, plan.Refusal{Pod: m.Pod, Node: m.From, Rule: strategy.Rule(e.Outcome), Reason: e.Error})
		}
	}
	s := sheet{Header: []string{"PODS", "OUTCOME", "ERROR", "EXAMPLE"}}
	for _, g := range group(failed) {
		s.add(strconv.Itoa(g.Count), string(g.Rule), g.Reason, fullName(g.Example))
	}
	return s
}
