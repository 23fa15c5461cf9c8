package ask

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/stowage-k8s/stowage/internal/report"
)

// mostPlaces is how many nodes of replicas are listed unless all are asked for.
const mostPlaces = 10

// WriteFit writes the answer for people. Wide shows all nodes and groups.
func WriteFit(w io.Writer, fit *Fit, wide bool) error {
	t := &text{wide: wide}
	t.line("%s, scheduler %s: %d of %s fit", fit.Workload, fit.Scheduler, fit.Running+fit.Fitting, report.Count(fit.Replicas, "replica"))
	if fit.Running > 0 {
		t.line("%d already have a node, %d more fit", fit.Running, fit.Fitting)
	}
	if fit.Message != "" {
		t.line("%s", fit.Message)
	}
	t.places(fit.Places)
	if fit.Missing > 0 && fit.Message == "" {
		t.line("")
		t.line("%s fit. Why the next one fits no node:", doNot(fit.Missing))
	}
	t.groups(fit.Groups, fit.SmallestFix, "Smallest change for one more")
	for i, needed := range fit.NodesNeeded {
		if i == 0 {
			t.line("")
		}
		zone := ""
		if needed.Zone != "" {
			zone = ", zone " + needed.Zone
		}
		t.line("%s like %s (%s%s) would hold all %d.", report.Count(needed.Nodes, "more node"), needed.Like, needed.Group, zone, fit.Missing)
	}
	t.preempts(fit.Preempts)
	t.notes(fit.Notes)
	_, err := io.WriteString(w, t.String())
	return err
}

func doNot(replicas int) string {
	if replicas == 1 {
		return "1 replica does not"
	}
	return fmt.Sprintf("%d replicas do not", replicas)
}

// places writes where replicas go, by group of nodes and by node.
func (t *text) places(places []Place) {
	if len(places) == 0 {
		return
	}
	replicas, nodes := map[string]int{}, map[string]int{}
	for _, place := range places {
		replicas[place.Group] += place.Replicas
		nodes[place.Group]++
	}
	groups := [][]string{{"where", "replicas", "nodes"}}
	for _, group := range slices.SortedFunc(maps.Keys(replicas), func(a, b string) int {
		return cmp.Or(cmp.Compare(replicas[b], replicas[a]), cmp.Compare(a, b))
	}) {
		groups = append(groups, []string{group, fmt.Sprint(replicas[group]), fmt.Sprint(nodes[group])})
	}
	t.line("")
	t.WriteString(report.Table(groups))
	shown := places
	if !t.wide {
		shown = places[:min(len(places), mostPlaces)]
	}
	rows := [][]string{{"node", "replicas"}}
	for _, place := range shown {
		rows = append(rows, []string{place.Node, fmt.Sprint(place.Replicas)})
	}
	t.line("")
	t.WriteString(report.Table(rows))
	if more := len(places) - len(shown); more > 0 {
		t.line("and %s more: -o wide shows all", report.Count(more, "node"))
	}
}
