package ask

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/report"
)

// How much is shown unless all is asked for.
const (
	mostGroups = 8
	mostScores = 5
)

// WriteWhy writes the answer for people. Wide shows all groups, nodes and plugins.
func WriteWhy(w io.Writer, why *Why, wide bool) error {
	t := &text{wide: wide}
	t.line("Pod %s/%s, scheduler %s", why.Namespace, why.Pod, why.Scheduler)
	t.line("%s", why.Message)
	t.groups(why.Groups, why.SmallestFix, "Smallest change")
	t.preempts(why.Preempts)
	t.scores(why)
	if why.Rejected != "" {
		t.line("")
		t.line("Nodes that do not fit: %s", why.Rejected)
	}
	if why.Reported != "" {
		t.line("")
		t.line("The cluster's scheduler reported: %s", why.Reported)
	}
	t.notes(why.Notes)
	_, err := io.WriteString(w, t.String())
	return err
}

// text is an answer in the making.
type text struct {
	strings.Builder
	wide bool
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(t, format+"\n", args...) }

// groups writes what rejects the pod, and what would change that.
func (t *text) groups(groups []Group, smallest *Fix, title string) {
	shown := groups
	if !t.wide {
		shown = groups[:min(len(groups), mostGroups)]
	}
	for _, group := range shown {
		t.line("")
		t.line("%s: %s", report.Count(group.Nodes, "node"), group.Name)
		for _, rejection := range group.Rejections {
			t.line("  %d rejected by %s: %s", rejection.Nodes, rejection.Filter, rejection.Reason)
		}
		for i, fix := range group.Fixes {
			what := "fits after:"
			if i > 0 {
				what = "        or:"
			}
			t.line("  %s %s", what, fix)
		}
		if len(group.Fixes) == 0 {
			t.line("  no change that was tried makes it fit")
		}
	}
	if more := len(groups) - len(shown); more > 0 {
		t.line("")
		t.line("%s more: -o wide shows all", report.Count(more, "group"))
	}
	if smallest != nil {
		t.line("")
		t.line("%s: %s", title, smallest)
	}
}

// String says what to change.
func (f Fix) String() string {
	var texts []string
	for _, change := range f.Changes {
		texts = append(texts, change.Text)
	}
	return strings.Join(texts, ", and ")
}

// preempts writes what would be evicted.
func (t *text) preempts(p *Preemption) {
	if p == nil {
		return
	}
	t.line("")
	t.line("The scheduler would evict %s from node %s to make room: %s", report.Count(len(p.Pods), "less urgent pod"), p.Node, strings.Join(p.Pods, ", "))
}

// scores writes the best nodes and that of the pod, by plugin.
func (t *text) scores(why *Why) {
	if len(why.Scores) < 2 {
		return
	}
	shown := why.Scores
	if !t.wide {
		shown = atMost(shown, mostScores, why.Node)
	}
	plugins := map[string]bool{}
	for _, score := range shown {
		for plugin, points := range score.Plugins {
			plugins[plugin] = plugins[plugin] || t.wide || points != shown[0].Plugins[plugin]
		}
	}
	maps.DeleteFunc(plugins, func(_ string, differs bool) bool { return !differs })
	head := slices.Concat([]string{"node", "total"}, slices.Sorted(maps.Keys(plugins)))
	rows := [][]string{head}
	for _, score := range shown {
		name := score.Node
		if name == why.Node {
			name += " (here)"
		}
		row := []string{name, fmt.Sprint(score.Total)}
		for _, plugin := range head[2:] {
			row = append(row, fmt.Sprint(score.Plugins[plugin]))
		}
		rows = append(rows, row)
	}
	t.line("")
	t.WriteString(report.Table(rows))
	if more := len(why.Scores) - len(shown); more > 0 {
		t.line("and %s: -o wide shows all", report.Count(more, "more node"))
	}
	if len(head) > 2 && !t.wide {
		t.line("Plugins that score these nodes alike are left out: -o wide shows all.")
	}
}

// atMost returns the best scores, with that of one node.
func atMost(scores []Score, most int, node string) []Score {
	if len(scores) <= most {
		return scores
	}
	best := slices.Clone(scores[:most])
	if i := slices.IndexFunc(scores, func(s Score) bool { return s.Node == node }); i >= most {
		best = append(best, scores[i])
	}
	return best
}

func (t *text) notes(notes []string) {
	for _, note := range notes {
		t.line("")
		t.line("Note: %s.", note)
	}
}
