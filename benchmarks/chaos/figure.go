package chaos

import (
	"io"
	"math"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Figure is one thing measured.
type Figure struct {
	// Case is the case's name and the number of nodes, as in "evict-random/500".
	Case    string  `json:"case"`
	Subject string  `json:"subject"`
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
}

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
func collect(name string, list []measured) []Figure {
	var figures []Figure
	for _, m := range list {
		figures = append(figures, Figure{Case: name, Subject: subject, Metric: m.metric, Value: math.Round(m.value*1000) / 1000, Unit: metrics[m.metric].unit})
	}
	return figures
}

// WriteJSON writes the figures as a list.
func WriteJSON(out io.Writer, figures []Figure) error { return report.WriteJSON(out, figures) }

// WriteFile writes the figures to a file, whole or not at all.
func WriteFile(path string, figures []Figure) error {
	return report.WriteFile(path, func(out io.Writer) error { return WriteJSON(out, figures) })
}
