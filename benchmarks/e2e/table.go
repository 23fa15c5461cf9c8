package e2e

import (
	"fmt"
	"io"
	"strconv"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/report"
)

// columns are the metrics as the table has them, and what they are.
var columns = []struct{ heading, metric, legend string }{
	{"PODS/s", podsPerSecond, "pods that got their node per second, mean"},
	{"% CEILING", shareOfCeiling, "the same in % of the ceiling's, which binds without looking"},
	{"× FASTEST", timesFastest, "and by that of whichever of kube-scheduler's settings was the fastest in the round"},
	{"MEAN ms", attemptMean, "an attempt that found a node took so long on average, binding included"},
	{"P50", attemptP50, "its median, interpolated in a histogram that begins at 1 ms"},
	{"P99", attemptP99, "its 99th percentile"},
	{"CPU s", schedulerCPU, "processor time of the scheduler per 1,000 pods, from a CPU profile"},
	{"OF ALL", processCPU, "the same of the whole process: API server, scheduler, source of pods, without etcd"},
	{"REFUSED", refused, "pods that nodes refused for want of room, of 1,000 of both schedulers"},
	{"OWN", ownRefused, "the same of the subject's own"},
}

// missing stands for a figure that was not measured.
const missing = "-"

// WriteTable writes the results with a row for each case and subject, and what the columns
// are.
func WriteTable(out io.Writer, figures []figure.Figure) error {
	rows := [][]string{{"CASE, SUBJECT"}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.heading)
	}
	for _, name := range figure.Cases(figures) {
		for _, subject := range figure.Subjects(figures) {
			row := []string{name + ", " + subject}
			for _, c := range columns {
				text := missing
				if f, ok := figure.Find(figures, name, subject, c.metric); ok {
					text = strconv.FormatFloat(f.Value, 'f', -1, 64)
				}
				row = append(row, text)
			}
			rows = append(rows, row)
		}
	}
	if _, err := fmt.Fprintln(out, report.Table(rows)); err != nil {
		return err
	}
	for _, c := range columns {
		if _, err := fmt.Fprintf(out, "  %-9s  %s\n", c.heading, c.legend); err != nil {
			return err
		}
	}
	return nil
}
