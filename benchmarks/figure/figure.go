// Package figure is what benchmarks write down: one thing measured each, in a flat list.
package figure

import (
	"io"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Figure is one thing measured.
type Figure struct {
	// Case is the case's name and the number of nodes, as in "skew/200".
	Case    string `json:"case"`
	Subject string `json:"subject"`
	Metric  string `json:"metric"`
	// Value is the median over the rounds, between Min and Max, or a plain count.
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Min   float64 `json:"min,omitempty"`
	Max   float64 `json:"max,omitempty"`
}

// WriteJSON writes the figures as a list.
func WriteJSON(out io.Writer, figures []Figure) error { return report.WriteJSON(out, figures) }

// WriteFile writes the figures to a file, whole or not at all.
func WriteFile(path string, figures []Figure) error {
	return report.WriteFile(path, func(out io.Writer) error { return WriteJSON(out, figures) })
}
