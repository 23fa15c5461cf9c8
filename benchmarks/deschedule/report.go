package deschedule

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// columns are the metrics as the table has them, and what they are.
var columns = []struct{ heading, metric, legend string }{
	{"EVICTED", "evictions", "evictions that the API server has granted, as a watcher sees them; of a plan, what it says it would do"},
	{"BOUND", "evictions_lower_bound", "as many it takes at least, by the state before; 0 where the scheduler would put no pod elsewhere"},
	{"BACK", "returned_to_source", "replacements on the node that one of their workload was evicted from"},
	{"USELESS", "useless", "evictions whose replacements are no better, by what the case is for: BACK and pods without a node included"},
	{"429", "rejected_429", "evictions that the API server has refused for a budget"},
	{"AVAIL", "min_availability", "the lowest fraction of a workload's replicas that were ready at any time"},
	{"BROKEN", "budgets_broken", "pods that ceased to be ready with fewer left than their budget asks for"},
	{"SKEW", "imbalance_before", "standard deviation of the nodes' cpu requested, in points of percent, before"},
	{"AFTER", "imbalance_after", "the same after"},
	{"EMPTIED", "nodes_emptied", "nodes that had pods before and have none after"},
	{"AGAIN", "second_run_evictions", "evictions of a second run, when the first had settled"},
	{"MOVED", "moved", "pods that are on another node, evicted or replaced by a stand-in; only where stand-ins are compared"},
	{"DOWN s", "down_sum_s", "seconds without a ready pod, the sum over all workloads"},
	{"WORST s", "down_worst_s", "the same of the workload that had the most"},
	{"PER MOVE", "calls_per_move", "requests to the API server per pod moved"},
	{"PLAN s", "plan_s", "seconds until the first eviction or stand-in was asked for, or until the end if none was"},
	{"WALL s", "wall_s", "seconds until it ended"},
	{"MiB", "peak_rss_mib", "the most resident memory"},
	{"CALLS", "api_calls", "requests to the API server"},
	{"CODE", "exit_code", "exit code: 2 is stowage's for stopping for safety"},
}

// missing stands for a figure that was not measured.
const missing = "-"

// WriteTable writes the results with a row for each case and subject, and what the
// columns are.
func WriteTable(out io.Writer, figures []figure.Figure) error {
	type key struct{ name, subject string }
	rows := [][]string{{"CASE, SUBJECT"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.heading)
	}
	var order []key
	values := map[key]map[string]float64{}
	for _, f := range figures {
		k := key{f.Case, f.Subject}
		if values[k] == nil {
			values[k] = map[string]float64{}
			order = append(order, k)
		}
		values[k][f.Metric] = f.Value
	}
	for _, k := range order {
		row := []string{k.name + ", " + k.subject}
		for _, c := range columns {
			row = append(row, text(values[k], c.metric))
		}
		rows = append(rows, row)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", report.Table(rows))
	for _, c := range columns {
		fmt.Fprintf(&b, "%-8s %s\n", c.heading, c.legend)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// text returns a figure as it is shown.
func text(values map[string]float64, metric string) string {
	value, has := values[metric]
	switch {
	case !has:
		return missing
	case value == float64(int64(value)) || value >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}

// summary says in a line what a run has come to.
func summary(figures []figure.Figure) string {
	var parts []string
	for _, metric := range []string{"evictions", "evictions_lower_bound", "useless", "wall_s"} {
		if i := slices.IndexFunc(figures, func(f figure.Figure) bool { return f.Metric == metric }); i >= 0 {
			parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(metric, "_", " "), text(map[string]float64{metric: figures[i].Value}, metric)))
		}
	}
	return strings.Join(parts, ", ")
}
