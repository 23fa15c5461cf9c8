package compare

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Write writes the ratios of a run in the text format of Go benchmarks, which benchstat
// reads (golang.org/design/14313-benchmark-format): the metric stands as the unit.
func Write(out io.Writer, r figure.Results, ratios []Ratio) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s's figures ÷ those of others, of one run of %s\n", subject, r.Command)
	fmt.Fprintf(&b, "# Stowage %s, Kubernetes %s, %s, %d cores, %s\n", r.Environment.Stowage, r.Environment.Kubernetes, r.Environment.CPU, r.Environment.Cores, r.Began.Format("2006-01-02"))
	sampled, said := map[string]bool{}, map[string]bool{}
	for _, ratio := range ratios {
		sampled[ratio.Metric] = sampled[ratio.Metric] || !ratio.Exact
	}
	for _, ratio := range ratios {
		if said[ratio.Metric] {
			continue
		}
		said[ratio.Metric] = true
		assume := ""
		if !sampled[ratio.Metric] {
			assume = " assume=exact"
		}
		fmt.Fprintf(&b, "Unit %s better=%s%s\n", ratio.Metric, ratio.Better, assume)
	}
	for _, ratio := range ratios {
		for _, sample := range ratio.Samples {
			fmt.Fprintf(&b, "Benchmark%s 1 %s %s\n", ratio.Name, strconv.FormatFloat(sample, 'g', 5, 64), ratio.Metric)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
