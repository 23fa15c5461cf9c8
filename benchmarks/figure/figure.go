// Package figure is what benchmarks write down, and what the report and the comparison
// over time read: the results of one run in one file.
package figure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Figure is one thing measured.
type Figure struct {
	// Case is the case's name and its size, as in "skew/200".
	Case    string `json:"case"`
	Subject string `json:"subject"`
	Metric  string `json:"metric"`
	// Value is the median over the rounds, between Min and Max, or a plain count.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Min   float64 `json:"min,omitempty"`
	Max   float64 `json:"max,omitempty"`
	// Samples are what each round measured, in the order of the rounds: those of the
	// subjects of a case were taken in turns.
	Samples []float64 `json:"samples,omitempty"`
	// Better says which way is better; without it the figure is only information.
	Better Direction `json:"better,omitempty"`
}

// Direction is the way in which a figure gets better.
type Direction string

// The ways in which a figure may get better.
const (
	Lower  Direction = "lower"
	Higher Direction = "higher"
)

// Of completes the figure from what was measured round by round.
func (f Figure) Of(samples ...float64) Figure {
	f.Samples = slices.Clone(samples)
	f.Value, f.Min, f.Max = Median(samples), slices.Min(samples), slices.Max(samples)
	return f
}

// Rounded returns the figure with so many digits after the point.
func (f Figure) Rounded(digits int) Figure {
	f.Value, f.Min, f.Max = Round(f.Value, digits), Round(f.Min, digits), Round(f.Max, digits)
	f.Samples = slices.Clone(f.Samples)
	for i, v := range f.Samples {
		f.Samples[i] = Round(v, digits)
	}
	return f
}

// Round returns the value with so many digits after the point.
func Round(v float64, digits int) float64 {
	power := math.Pow10(digits)
	return math.Round(v*power) / power
}

// Text returns a value as tables show it.
func Text(value float64) string {
	if value == float64(int64(value)) || value >= 1000 {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'f', 2, 64)
}

// Percentile returns the p-th percentile by the method of the nearest rank.
func Percentile(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(1, int(math.Ceil(p/100*float64(len(sorted)))))-1]
}

// Median returns the value in the middle, or the mean of the two there; NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// Find returns the figure of a case, a subject and a metric.
func Find(figures []Figure, name, subject, metric string) (Figure, bool) {
	i := slices.IndexFunc(figures, func(f Figure) bool {
		return f.Case == name && f.Subject == subject && f.Metric == metric
	})
	if i < 0 {
		return Figure{}, false
	}
	return figures[i], true
}

// Cases and Subjects return each name once, in the order in which they come.
func Cases(figures []Figure) []string {
	return Names(figures, func(f Figure) string { return f.Case })
}

// Subjects returns the names of those who were measured.
func Subjects(figures []Figure) []string {
	return Names(figures, func(f Figure) string { return f.Subject })
}

// Names returns each name once, in the order in which they come.
func Names[T any](list []T, of func(T) string) []string {
	var all []string
	for _, item := range list {
		if name := of(item); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// String says it in one line.
func (f Figure) String() string {
	return fmt.Sprintf("%s, %s: %s %g %s", f.Case, f.Subject, f.Metric, f.Value, f.Unit)
}
