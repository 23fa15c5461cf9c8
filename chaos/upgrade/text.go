package upgrade

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostNames is how many nodes or reasons are named unless all are asked for.
const mostNames = 5

// Write writes the plan for people. Wide shows each pod and each time.
func (p *Plan) Write(w io.Writer, wide bool) error {
	var b strings.Builder
	if len(p.Waves) == 0 {
		fmt.Fprintf(&b, "%s: none of %s can be replaced\n", p.Title, report.Count(p.Nodes, "node"))
	} else {
		fmt.Fprintf(&b, "%s: %d of %s can be replaced, in %s\n", p.Title, p.Replaced(), report.Count(p.Nodes, "node"), report.Count(len(p.Waves), "wave"))
		fmt.Fprintf(&b, "%s, %s\n", report.Count(p.Evictions(), "eviction"), p.Duration)
		rows := [][]string{{"wave", "evictions", "rounds", "usually", "at worst"}}
		for i, wave := range p.Waves {
			rows = append(rows, []string{
				fmt.Sprintf("%d  %s", i+1, some(wave.Nodes, wide)), fmt.Sprint(wave.Evictions()), fmt.Sprint(wave.Rounds), short(wave.Duration.Usual()), short(wave.Duration.Worst()),
			})
		}
		b.WriteString("\n" + report.Table(rows))
	}
	if wide {
		p.pods(&b)
		p.readyTimes(&b)
	}
	p.blocked(&b, wide)
	for i, note := range p.Notes {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "Note: %s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *Plan) pods(b *strings.Builder) {
	rows := [][]string{{"pod", "wave", "round", "from", "to"}}
	for i, wave := range p.Waves {
		for _, move := range wave.Pods {
			to := move.To
			switch {
			case move.PreemptedBy != "":
				to += " (preempted)"
			case to == "":
				to = "not replaced"
			}
			rows = append(rows, []string{move.Namespace + "/" + move.Pod, fmt.Sprint(i + 1), fmt.Sprint(move.Round), move.From, to})
		}
	}
	if len(rows) > 1 {
		b.WriteString("\n" + report.Table(rows))
	}
}

func (p *Plan) readyTimes(b *strings.Builder) {
	rows := [][]string{{"time to Ready", "measured", "usually", "at worst"}}
	if p.NodeReady != nil {
		rows = append(rows, []string{"replacement node", "", short(p.NodeReady.Usual()), short(p.NodeReady.Worst())})
	}
	for _, t := range p.ReadyTimes {
		measured := report.Count(t.Pods, "pod")
		if t.Pods == 0 {
			measured = "other pods"
		}
		rows = append(rows, []string{t.Workload, measured, short(t.Duration.Usual()), short(t.Duration.Worst())})
	}
	if len(rows) > 1 {
		b.WriteString("\n" + report.Table(rows))
	}
}

func (p *Plan) blocked(b *strings.Builder, wide bool) {
	if len(p.Blocked) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s cannot be drained:\n", report.Count(len(p.Blocked), "node"))
	for _, blocked := range p.Blocked {
		fmt.Fprintf(b, "\n%s\n", blocked.Node)
		shown := blocked.Reasons
		if !wide {
			shown = shown[:min(len(shown), mostNames)]
		}
		for _, r := range shown {
			pods := fmt.Sprintf("pod %s/%s", r.Namespace, r.Pod)
			if r.Pods > 1 {
				pods = fmt.Sprintf("%d pods of %s, for example %s", r.Pods, r.Workload, r.Pod)
			}
			fmt.Fprintf(b, "  %s: %s\n", pods, r.Reason)
			if r.Change != "" {
				fmt.Fprintf(b, "    change: %s\n", r.Change)
			}
		}
		if more := len(blocked.Reasons) - len(shown); more > 0 {
			fmt.Fprintf(b, "  and %d more: -o wide shows all\n", more)
		}
	}
}

// String says how long it takes.
func (d Duration) String() string {
	if d.UsualSeconds == d.WorstSeconds {
		return "about " + short(d.Usual())
	}
	return fmt.Sprintf("about %s, at worst %s", short(d.Usual()), short(d.Worst()))
}

func short(d time.Duration) string { return d.Round(time.Second).String() }

// some joins names, of which the first are enough unless all are asked for.
func some(names []string, all bool) string {
	if all {
		return strings.Join(names, ", ")
	}
	return report.Names(names, mostNames)
}
