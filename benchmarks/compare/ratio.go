// Package compare says what has got better or worse since a release. Machines differ, so
// what is compared is ratios of what one run has measured: stowage's figure ÷ that of
// another subject of the same case.
package compare

import (
	"strings"
	"unicode"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// subject is the one whose ratios to others are compared.
const subject = "stowage"

// Ratio is stowage's figure ÷ another subject's.
type Ratio struct {
	// Name is that of the case and the other subject, as benchstat takes it:
	// "Loop/plain/nodes=5000/fill=0/against=default".
	Name   string
	Metric string
	Better figure.Direction
	// Samples are one of each round, or a single one of what was not taken in rounds.
	Samples []float64
	// Exact says that it is of counts that were taken once: any difference matters.
	Exact bool
}

// counts is the unit of figures that have no noise where they were taken once.
const counts = "count"

// Ratios returns those of stowage to each other subject of the same case, by each metric
// that has a better way. A figure without a unit, such as an exponent, has none: it may
// be about 0.
func Ratios(r figure.Results) []Ratio {
	var all []Ratio
	for _, ours := range r.Figures {
		if ours.Subject != subject || ours.Better == "" || ours.Unit == "" {
			continue
		}
		for _, other := range figure.Subjects(r.Figures) {
			theirs, has := figure.Find(r.Figures, ours.Case, other, ours.Metric)
			if !has || other == subject {
				continue
			}
			all = append(all, Ratio{
				Name: name(r.Benchmark, ours.Case, other), Metric: ours.Metric, Better: ours.Better,
				Samples: divide(ours, theirs), Exact: len(ours.Samples) == 0 && ours.Unit == counts,
			})
		}
	}
	return all
}

// divide returns the ratio of each round, where both had as many: they took turns, so what
// disturbed one round disturbed both. Else it is each of our rounds by their median.
func divide(ours, theirs figure.Figure) []float64 {
	if len(ours.Samples) == 0 {
		return []float64{quotient(ours.Value, theirs.Value)}
	}
	var ratios []float64
	for i, sample := range ours.Samples {
		base := theirs.Value
		if len(theirs.Samples) == len(ours.Samples) {
			base = theirs.Samples[i]
		}
		ratios = append(ratios, quotient(sample, base))
	}
	return ratios
}

// quotient returns 1 of two zeros, and infinity of anything else by zero.
func quotient(a, b float64) float64 {
	if a == b {
		return 1
	}
	return a / b
}

// name returns the name of a benchmark in Go's format: it begins with a capital letter and
// has no spaces.
func name(benchmark, of, against string) string {
	capital := []rune(benchmark)
	capital[0] = unicode.ToUpper(capital[0])
	return strings.Join(strings.Fields(string(capital)+"/"+of+"/against="+against), "_")
}
