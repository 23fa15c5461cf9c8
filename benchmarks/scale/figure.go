package scale

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// product is the subject of what is not one process's doing.
const product = "stowage"

// metrics are all that is measured, in the order of the table: the unit, and what it is.
var metrics = []struct {
	name, unit string
	better     figure.Direction
	legend     string
}{
	{"wall_s", "s", figure.Lower, "how long the step took; of evict and plan one run, from its start to its end; of zone until the nodes were back and the tool had ended"},
	{"nodes", "count", "", "nodes, a third of them in each zone"},
	{"pods", "count", "", "pods that run, of two containers each"},
	{"workloads", "count", "", "Deployments that they belong to: half of the pods to such of 5, a quarter to such of 30, a quarter to such of 250"},
	{"budgets", "count", "", "PodDisruptionBudgets: of all Deployments but those of 5"},
	{"pods_created", "count", "", "more pods, created one by one as fast as the API server takes them"},
	{"created_per_s", "pods/s", "", "how fast that was: no scheduler can bind faster than pods come"},
	{"pods_churned", "count", "", "pods that ran and were deleted meanwhile; their ReplicaSets replace them"},
	{"nodes_lost", "count", "", "nodes that were lost"},
	{"pods_lost", "count", "", "pods that went with them"},
	{"predict_s", "s", figure.Lower, "how long the tool took to predict what the loss would do"},
	{"prediction_accuracy_pct", "%", figure.Higher, "statements of that prediction that came true, as the tool reports it"},
	{"first_loss_s", "s", "", "from the first node's silence until the control plane took the first pod away"},
	{"pods_bound", "count", "", "pods that got a node: all of those created, or replacing others"},
	{"placed_s", "s", figure.Lower, "from the first pod created, or lost, until the last of them had a node"},
	{"bound_per_s", "pods/s", figure.Higher, "pods bound by that time"},
	{"latency_p50_s", "s", figure.Lower, "from a pod's creation until it has a node, as a watcher sees both: half of them take so long at most"},
	{"latency_p99_s", "s", figure.Lower, "the same, 99 of 100"},
	{"latency_pods", "count", "", "of how many pods that is: all that were created, unless the watcher was cut off for being slow"},
	{"moves", "count", "", "moves of the plan"},
	{"nodes_emptied", "count", "", "nodes that the plan empties"},
	{"cpu_s_per_1000_pods", "s", figure.Lower, "processor time of the scheduler for 1,000 pods bound"},
	{"exit_code", "code", "", "how the program ended"},
	{"memory_of_default_pct", "%", figure.Lower, "the most resident memory of stowage-scheduler, of that of kube-scheduler's default profile beside it: both start, read the cluster and place as many pods"},
	{cpuMetric, "s", figure.Lower, "processor time"},
	{peakMetric, "MiB", figure.Lower, "the most resident memory in the step"},
}

// The metrics of processes.
const (
	cpuMetric  = "cpu_s"
	peakMetric = "peak_rss_mib"
)

// add adds a figure of the step, of the median where it was measured more than once.
func (o *outcome) add(metric string, digits int, samples ...float64) {
	f := figure.Figure{Subject: product, Metric: metric}
	if len(samples) == 1 {
		f.Value = samples[0]
	} else {
		f = f.Of(samples...)
	}
	o.measured = append(o.measured, f.Rounded(digits))
}

func (o *outcome) count(metric string, n int) { o.add(metric, 0, float64(n)) }

func (o *outcome) seconds(metric string, took ...time.Duration) {
	var samples []float64
	for _, t := range took {
		samples = append(samples, t.Seconds())
	}
	o.add(metric, 3, samples...)
}

func (o *outcome) rate(metric string, n int, in time.Duration) {
	o.add(metric, 1, float64(n)/in.Seconds())
}

// placed adds how fast pods got nodes, since a moment.
func (o *outcome) placed(s seen, since time.Time) {
	o.count("pods_bound", len(s.binds))
	if len(s.binds) == 0 {
		return
	}
	took := s.binds[len(s.binds)-1].Sub(since)
	o.seconds("placed_s", took)
	o.rate("bound_per_s", len(s.binds), took)
	o.add("cpu_s_per_1000_pods", 3, o.costs[schedulerProgram].cpu.Seconds()*1000/float64(len(s.binds)))
}

// latencies adds what pods waited for a node.
func (o *outcome) latencies(took []time.Duration) {
	if len(took) > 0 {
		o.seconds("latency_p50_s", figure.Percentile(took, 50))
		o.seconds("latency_p99_s", figure.Percentile(took, 99))
		o.count("latency_pods", len(took))
	}
}

// figures lists the outcome, with the units and in the order of metrics.
func (o *outcome) figures(name string) []figure.Figure {
	list := slices.Clone(o.measured)
	for _, process := range processes {
		if c, ran := o.costs[process]; ran {
			list = append(list,
				figure.Figure{Subject: process, Metric: cpuMetric, Value: c.cpu.Seconds()}.Rounded(2),
				figure.Figure{Subject: process, Metric: peakMetric, Value: float64(c.peak) / (1 << 20)}.Rounded(0))
		}
	}
	for i := range list {
		m := metrics[rank(list[i].Metric)]
		list[i].Case, list[i].Unit, list[i].Better = name, m.unit, m.better
	}
	slices.SortStableFunc(list, func(a, b figure.Figure) int { return cmp.Compare(rank(a.Metric), rank(b.Metric)) })
	return list
}

// rank is where the metrics have one.
func rank(metric string) int {
	for i, m := range metrics {
		if m.name == metric {
			return i
		}
	}
	panic("no metric " + metric)
}

// summary says in a line what the step has come to.
func (o *outcome) summary() string {
	var parts []string
	for _, f := range o.figures("") {
		if f.Subject == product {
			parts = append(parts, fmt.Sprintf("%s %s", strings.ReplaceAll(f.Metric, "_", " "), figure.Text(f.Value)))
		}
	}
	return strings.Join(parts, ", ")
}
