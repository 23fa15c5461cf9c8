package assess

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostRows is the maximum number of rows of a table that is not wide.
const mostRows = 15

// WriteTable writes the prediction as tables: a summary, workloads whose availability drops,
// budgets that run out or break, and reasons for pods that are pending or kept. Wide shows all
// rows, and each pod.
func WriteTable(w io.Writer, p *Prediction, wide bool) error {
	out := &tables{most: mostRows}
	if wide {
		out.most = len(p.Pods) + len(p.Workloads) + len(p.Budgets)
	}
	out.summary(p)
	out.workloads(p)
	out.budgets(p)
	out.reasons("why replacements are pending", p, Pending)
	out.reasons("why the node of a replacement is unknown", p, Unknown)
	out.reasons("why pods are not replaced", p, Unreplaced)
	out.reasons("why pods are kept", p, Kept)
	out.notes(p)
	if wide {
		out.pods(p)
	}
	_, err := io.WriteString(w, out.text.String())
	return err
}

type tables struct {
	text strings.Builder
	most int
}

func (t *tables) summary(p *Prediction) {
	if len(p.Pods) == 0 {
		fmt.Fprintf(&t.text, "%s: no pods affected\n", p.How)
		return
	}
	of := ""
	if n := len(p.Nodes); n > 0 {
		of = fmt.Sprintf(" of %d nodes", n)
		if n == 1 {
			of = " of node " + p.Nodes[0]
		}
	}
	fmt.Fprintf(&t.text, "%s%s: %d of %s removed", p.How, of, p.Going(), report.Count(len(p.Pods), "pod"))
	if p.Waves > 1 {
		fmt.Fprintf(&t.text, " in %d waves", p.Waves)
	}
	for _, part := range []struct {
		fate Fate
		said string
	}{{Fits, "rescheduled"}, {Pending, "pending"}, {Unreplaced, "not replaced"}, {Unknown, "unknown"}, {Kept, "kept"}, {Stays, "unaffected"}} {
		if n := p.Count(part.fate); n > 0 {
			fmt.Fprintf(&t.text, ", %d %s", n, part.said)
		}
		if n := p.ByStandIn(); part.fate == Fits && n > 0 {
			fmt.Fprintf(&t.text, " (%d before they go, by stand-ins)", n)
		}
	}
	t.text.WriteString("\n")
	preempted := 0
	for _, pod := range p.Pods {
		if pod.PreemptedBy != "" {
			preempted++
		}
	}
	if preempted > 0 {
		fmt.Fprintf(&t.text, "%s preempted by replacements with a higher priority\n", report.Count(preempted, "pod"))
	}
	if p.Admitted > 0 {
		fmt.Fprintf(&t.text, "pending before the loss: %d of %s scheduled\n", p.Admitted, report.Count(p.Waiting, "pod"))
	}
}

// table adds a table with a heading, unless it has no rows.
func (t *tables) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	shown := rows[:min(len(rows), t.most)]
	t.text.WriteString("\n" + report.Table(append([][]string{head}, shown...)))
	if more := len(rows) - len(shown); more > 0 {
		fmt.Fprintf(&t.text, "and %d more\n", more)
	}
}

// workloads shows the workloads whose availability drops, the worst first.
func (t *tables) workloads(p *Prediction) {
	fallen := slices.DeleteFunc(slices.Clone(p.Workloads), func(w WorkloadFate) bool { return w.Floor >= w.Ready })
	slices.SortStableFunc(fallen, func(a, b WorkloadFate) int {
		return cmp.Or(cmp.Compare(a.Floor*b.Ready, b.Floor*a.Ready), cmp.Compare(a.After*b.Ready, b.After*a.Ready))
	})
	var rows [][]string
	for _, w := range fallen {
		desired := fmt.Sprint(w.Desired)
		if w.Desired < 0 {
			desired = "?"
		}
		rows = append(rows, []string{w.Workload, desired, fmt.Sprint(w.Ready), fmt.Sprint(w.Floor), fmt.Sprint(w.After)})
	}
	t.table([]string{"workload", "desired", "ready", "floor", "after"}, rows)
}

// budgets shows the budgets that break or run out.
func (t *tables) budgets(p *Prediction) {
	var rows [][]string
	for _, b := range p.Budgets {
		state := ""
		switch {
		case b.Broken:
			state = "broken"
		case b.Allowed == 0 && b.Spent == 0:
			state = "allows nothing"
		case b.Spent >= b.Allowed:
			state = "runs out"
		default:
			continue
		}
		rows = append(rows, []string{b.Namespace + "/" + b.Budget, fmt.Sprint(b.Allowed), fmt.Sprint(b.Spent), state})
	}
	slices.SortStableFunc(rows, func(a, b []string) int { return cmp.Compare(a[3], b[3]) })
	t.table([]string{"budget", "allowed", "spent", ""}, rows)
}

// reasons counts the reasons of a fate. Reasons that differ only in numbers count as one, because
// each pod has its own numbers as nodes fill up.
func (t *tables) reasons(title string, p *Prediction, fate Fate) {
	counts, first := map[string]int{}, map[string]string{}
	for _, pod := range p.Pods {
		if pod.Fate != fate {
			continue
		}
		key := pod.Reason
		if fate == Pending {
			key = strings.Map(func(r rune) rune {
				if unicode.IsDigit(r) {
					return -1
				}
				return r
			}, key)
		}
		if counts[key]++; counts[key] == 1 {
			first[key] = pod.Reason
		}
	}
	var rows [][]string
	for _, key := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		rows = append(rows, []string{first[key], fmt.Sprint(counts[key])})
	}
	t.table([]string{title, "pods"}, rows)
}

// notes counts the assumptions.
func (t *tables) notes(p *Prediction) {
	counts := map[string]int{}
	for _, pod := range p.Pods {
		if pod.Note != "" {
			counts[pod.Note]++
		}
	}
	var rows [][]string
	for _, note := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		rows = append(rows, []string{note, fmt.Sprint(counts[note])})
	}
	t.table([]string{"assumption", "pods"}, rows)
}

func (t *tables) pods(p *Prediction) {
	var rows [][]string
	for _, pod := range p.Pods {
		to := pod.Node
		if pod.Choices > 1 {
			to = fmt.Sprintf("%s or %s", pod.Node, report.Count(pod.Choices-1, "other"))
		}
		wave := ""
		if pod.Wave > 0 {
			wave = fmt.Sprint(pod.Wave)
		}
		after := ""
		if pod.AfterSeconds > 0 {
			after = (time.Duration(pod.AfterSeconds) * time.Second).String()
		}
		rows = append(rows, []string{pod.Namespace + "/" + pod.Pod, string(pod.Fate), wave, after, pod.From, to})
	}
	t.table([]string{"pod", "fate", "wave", "after", "from", "to"}, rows)
}
