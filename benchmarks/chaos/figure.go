package chaos

import (
	"math"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// subject is the only one: no other chaos tool keeps within budgets or says what it did.
const subject = "stowage"

// measured is a figure of one case.
type measured struct {
	metric string
	value  float64
}

// count is a figure that counts.
func count(metric string, n int) measured { return measured{metric, float64(n)} }

// truth is a figure that is 1 where something holds, and 0 where it does not.
func truth(metric string, holds bool) measured {
	if holds {
		return measured{metric, 1}
	}
	return measured{metric, 0}
}

// collect lists what was measured in a case.
func collect(name string, list []measured) []figure.Figure {
	var figures []figure.Figure
	for _, m := range list {
		figures = append(figures, figure.Figure{Case: name, Subject: subject, Metric: m.metric, Value: math.Round(m.value*1000) / 1000, Unit: metrics[m.metric].unit})
	}
	return figures
}
