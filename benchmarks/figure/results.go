package figure

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Results are what one run of a benchmark has come to.
type Results struct {
	// Benchmark is its name: "loop", "packing", "e2e" …
	Benchmark string `json:"benchmark"`
	// Command is what measures the same again.
	Command string `json:"command"`
	// Quick says that it is the short form, which measures less.
	Quick       bool        `json:"quick"`
	Began       time.Time   `json:"began"`
	Seconds     float64     `json:"seconds"`
	Environment Environment `json:"environment"`
	// Subjects says of everybody who was measured which version it was, and how it was set.
	Subjects []Subject `json:"subjects"`
	// Notes are sentences to read with the figures: what was left out, what fell short.
	Notes   []string `json:"notes,omitempty"`
	Figures []Figure `json:"figures"`
	// Series and Grids are for charts.
	Series []Series `json:"series,omitempty"`
	Grids  []Grid   `json:"grids,omitempty"`
}

// Subject is somebody who was measured.
type Subject struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Settings string `json:"settings"`
}

// Series is how something changed, over time or along another quantity.
type Series struct {
	// Chart is the title of the chart that draws it, with all series of the same title.
	Chart string `json:"chart"`
	Name  string `json:"name"`
	// Kind is what is drawn: a line unless it says something else.
	Kind Kind `json:"kind,omitempty"`
	X    Axis `json:"x"`
	Y    Axis `json:"y"`
	// Points are pairs of x and y, by ascending x; of events x counts, and windows are from x
	// to y.
	Points [][2]float64 `json:"points"`
}

// Kind is how a series is drawn.
type Kind string

// Marks at moments, and stretches that are shaded: neither has an axis y of its own.
const (
	Events  Kind = "events"
	Windows Kind = "windows"
)

// Axis says what is along an axis.
type Axis struct {
	Label string `json:"label"`
	Unit  string `json:"unit,omitempty"`
	// Log says that it is best drawn by orders of magnitude.
	Log bool `json:"log,omitempty"`
}

// Grid is one value of each of many alike, such as how full each node is.
type Grid struct {
	// Chart is the title of the chart that draws it, with all grids of the same title.
	Chart string `json:"chart"`
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	// Values are in the order in which they are drawn, which is that of the other grids of
	// the chart: value i of each is of the same thing.
	Values []float64 `json:"values"`
}

// WriteJSON writes the results.
func WriteJSON(out io.Writer, r Results) error { return report.WriteJSON(out, r) }

// WriteFile writes the results to a file, whole or not at all.
func WriteFile(path string, r Results) error {
	return report.WriteFile(path, func(out io.Writer) error { return WriteJSON(out, r) })
}

// ReadFile reads what WriteFile has written. What it does not know is an error: the file is
// another version's.
func ReadFile(path string) (Results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Results{}, err
	}
	var r Results
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Results{}, fmt.Errorf("%s: these are no results of stowage-bench: %w", path, err)
	}
	if r.Benchmark == "" {
		return Results{}, fmt.Errorf("%s: these are no results of stowage-bench: benchmark: must not be empty", path)
	}
	return r, nil
}
