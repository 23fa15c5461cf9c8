package chaos

import (
	"fmt"
	"io"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// metrics are all that is measured: the unit, and what it is.
var metrics = map[string]struct{ unit, legend string }{
	"evictions":               {"count", "evictions that the API server has granted, as a watcher sees them"},
	"reported_evictions":      {"count", "the same by the tool's journals, those without an answer included"},
	"drawn":                   {"count", "pods that were drawn, those that budgets kept included"},
	"kept":                    {"count", "of these, pods that were not asked for, since a budget keeps them"},
	"refused_429":             {"count", "evictions that the API server has refused for a budget"},
	"budget_violations":       {"count", "pods that the tool evicted where the budget had none to spare: fewer were healthy then than it demands"},
	"control_violations":      {"count", "the same in a run that deletes pods whatever budgets say, to show that the watcher sees it: not 0"},
	"violations_after_ours":   {"count", "pods lost with their nodes, or by themselves, with which a budget had too few, one that the tool had evicted being among the missing"},
	"violations_by_others":    {"count", "the same with none that the tool had evicted among the missing"},
	"recovery_p50_s":          {"s", "from a pod's loss until a replacement is Ready, as the watcher sees it: half of them take so long at most"},
	"recovery_p99_s":          {"s", "the same, 99 of 100"},
	"reported_recovery_p50_s": {"s", "the first of these as the tool reports it"},
	"replay_identical":        {"yes=1", "each repetition has drawn the same victims, by workload and rank, in the same order"},
	"repetitions":             {"count", "repetitions with the same seed"},
	"draws":                   {"count", "draws that each of them is compared in"},
	"nodes_lost":              {"count", "nodes that were taken away"},
	"pods_lost":               {"count", "pods that went with them"},
	"prediction_accuracy_pct": {"%", "statements of the prediction that came true, by what the watcher saw: of each pod that it goes or is kept, of each workload how few are ready at the worst, how many in the end, and how many stay pending"},
	"reported_accuracy_pct":   {"%", "the same as the tool reports it"},
	"predicted_pending":       {"count", "lost pods that were predicted to have no replacement: none that finds a node, or none as long as the pod, of a StatefulSet, is on a dead node"},
	"actual_pending":          {"count", "lost pods that had no Ready replacement when the nodes came back"},
	"leftovers":               {"count", "nodes that are not as they were (cordon, taints, labels, annotations), and objects that still bear a mark of the tool"},
	"nodes_not_ready":         {"count", "nodes that were not Ready again a while after they were put back"},
	"kills":                   {"count", "times that the tool was killed with SIGKILL"},
	"kills_with_changes":      {"count", "of these, times that it left nodes changed"},
	"changed_at_kill":         {"count", "nodes that it left changed, in all"},
	"restore_p50_s":           {"s", "how long restoring took, half of the times at most"},
	"decision_ms":             {"ms", "the selection, draw and prediction of one eviction when one pod has changed: median"},
	"decision_cold_ms":        {"ms", "the same for the first time, with the loading of the cluster"},
	"decision_memory_mib":     {"MiB", "what it keeps in memory beside the cluster itself"},
	"choose_ms":               {"ms", "of that, the picture of the owners, the selection and the draw: median"},
	"decision_max_ms":         {"ms", "the slowest of the repetitions"},
	"wall_s":                  {"s", "how long the tool ran"},
	"exit_code":               {"code", "how the tool ended: 0 held, 2 broken, 3 inconclusive, -1 killed"},
	"workloads":               {"count", "workloads on the cluster"},
	"pods":                    {"count", "pods on the cluster"},
	"budgets":                 {"count", "PodDisruptionBudgets"},
}

// WriteTable writes the results, a table for each case, and what the figures are.
func WriteTable(out io.Writer, figures []figure.Figure) error {
	var b strings.Builder
	var order []string
	byCase := map[string][][]string{}
	for _, f := range figures {
		if byCase[f.Case] == nil {
			order = append(order, f.Case)
			byCase[f.Case] = [][]string{{"FIGURE", "VALUE", "UNIT"}}
		}
		byCase[f.Case] = append(byCase[f.Case], []string{f.Metric, figure.Text(f.Value), f.Unit})
	}
	for _, name := range order {
		fmt.Fprintf(&b, "%s\n%s\n", name, report.Table(byCase[name]))
	}
	known := map[string]bool{}
	for _, f := range figures {
		if !known[f.Metric] {
			known[f.Metric] = true
			fmt.Fprintf(&b, "%-24s %s\n", f.Metric, metrics[f.Metric].legend)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// summary says in a line what a case has come to.
func summary(figures []figure.Figure) string {
	var parts []string
	for _, metric := range []string{"evictions", "budget_violations", "replay_identical", "prediction_accuracy_pct", "leftovers", "recovery_p50_s", "decision_ms", "wall_s"} {
		for _, f := range figures {
			if f.Metric == metric {
				parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(metric, "_", " "), figure.Text(f.Value)))
			}
		}
	}
	return strings.Join(parts, ", ")
}
