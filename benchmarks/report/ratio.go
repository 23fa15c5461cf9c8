package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// ratio is how many times another value a value is.
type ratio struct {
	value float64
	// low and high are the lowest and highest of the rounds, of which there are so many;
	// none where that is not known.
	low, high float64
	rounds    int
}

// times divides a by b: the medians, and round by round, as subjects take turns within one.
func times(a, b figure.Figure) ratio {
	r := ratio{value: a.Value / b.Value}
	if len(a.Samples) < 2 || len(a.Samples) != len(b.Samples) {
		return r
	}
	var rounds []float64
	for i := range a.Samples {
		rounds = append(rounds, a.Samples[i]/b.Samples[i])
	}
	r.low, r.high, r.rounds = slices.Min(rounds), slices.Max(rounds), len(rounds)
	return r
}

func (r ratio) String() string { return factor(r.value) + " ×" }

// noise says how far the ratio varied.
func (r ratio) noise() string {
	if r.rounds == 0 {
		return ""
	}
	return fmt.Sprintf("%s to %s × in %d rounds", factor(r.low), factor(r.high), r.rounds)
}

// factor writes a factor with two significant digits, or all of those before the point.
func factor(v float64) string {
	if math.Abs(v) < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return page.Number(math.Round(v))
}

// noise says how far a figure varied.
func noise(f figure.Figure, unit string) string {
	if len(f.Samples) < 2 {
		return ""
	}
	return fmt.Sprintf("%s to %s in %d rounds", page.Number(f.Min), withUnit(f.Max, unit), len(f.Samples))
}

func withUnit(v float64, unit string) string {
	if unit == "" {
		return page.Number(v)
	}
	return page.Number(v) + " " + unit
}

// valueOf returns a figure as charts have it.
func valueOf(f figure.Figure) page.Value {
	if len(f.Samples) < 2 {
		return page.Exactly(f.Value)
	}
	return page.Value{Value: f.Value, Min: f.Min, Max: f.Max}
}

// rivals lists who has a figure of a case.
func (r results) rivals(name, metric, unit string, subjects ...string) []Rival {
	var list []Rival
	for _, subject := range subjects {
		if f, has := r.find(name, subject, metric); has {
			list = append(list, Rival{subject, f.Value, withUnit(f.Value, unit)})
		}
	}
	return list
}
