package real

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// product is the only subject.
const product = "stowage"

// legends say what is measured, in the order of the table. All times begin with the eviction, the
// loss or the drain, and end when a watcher of the API server sees it.
var legends = []struct{ metric, legend string }{
	{"created_s", "until the replacement is there"},
	{"bound_s", "until it, or the next pod, has a node"},
	{"started_s", "until its container runs"},
	{"ready_s", "until it is Ready; of a drain until all pods are"},
	{"lease_s", "until another replica has the scheduler's lease"},
	{"drained_s", "until kubectl drain has ended"},
}

// Notes are what is to be read with the figures.
func Notes() []string {
	return []string{
		"Two real nodes and the control plane share the cores of one machine, and images are on the nodes already.",
		"The workload's container is ready as soon as it serves HTTP; the kubelet asks it once a second.",
	}
}

// Described says what is measured.
func Described() []figure.Subject {
	return []figure.Subject{{
		Name: product, Version: "Stowage " + figure.Here().Stowage,
		Settings: "two replicas as config/scheduler installs them; pods of profile " + profile,
	}}
}

// sampled returns a figure of what each round took.
func sampled(metric string, took []time.Duration) figure.Figure {
	samples := make([]float64, len(took))
	for i, t := range took {
		samples[i] = t.Seconds()
	}
	return figure.Figure{Metric: metric}.Of(samples...)
}

// summary says in a line what a case has come to.
func summary(name string, figures []figure.Figure) string {
	var parts []string
	for _, f := range figures {
		parts = append(parts, fmt.Sprintf("%s %.2f (%.2f to %.2f)", f.Metric, f.Value, f.Min, f.Max))
	}
	return name + ": " + strings.Join(parts, ", ")
}

// WriteTable writes the results as a table with a row for each figure, and what they are.
func WriteTable(out io.Writer, figures []figure.Figure) error {
	rows := [][]string{{"CASE", "FIGURE", "MEDIAN", "LEAST", "MOST", "ROUNDS"}}
	for _, f := range figures {
		rows = append(rows, []string{f.Case, f.Metric, figure.Text(f.Value), figure.Text(f.Min), figure.Text(f.Max), fmt.Sprint(len(f.Samples))})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", report.Table(rows))
	for _, l := range legends {
		fmt.Fprintf(&b, "%-10s %s\n", l.metric, l.legend)
	}
	fmt.Fprintf(&b, "\n%s\n", strings.Join(Notes(), "\n"))
	_, err := io.WriteString(out, b.String())
	return err
}
