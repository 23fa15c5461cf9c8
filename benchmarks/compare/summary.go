package compare

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Verdict is what has become of a ratio.
type Verdict string

// What may have become of a ratio.
const (
	Better Verdict = "better"
	Worse  Verdict = "worse"
	Same   Verdict = "same"
	// Unclear has too few samples for any difference to be more than noise.
	Unclear Verdict = "unclear"
	New     Verdict = "new"
	Gone    Verdict = "gone"
)

// Change is what has become of one ratio.
type Change struct {
	Name, Metric string
	// Before and After are medians; 0 where there is none.
	Before, After float64
	Verdict       Verdict
}

// leastSamples is how many samples on both sides can differ beyond noise: with four, one
// in 35 draws has all of one side above all of the other, which is below 5 %.
const leastSamples = 4

// The columns of a row that benchstat writes for two files.
const (
	nameColumn  = 0
	baseColumn  = 1
	nowColumn   = 3
	deltaColumn = 5
	pColumn     = 6
	columns     = 7
)

// What the two sides are called. Above a table there is a row that says whose columns
// follow, and another that says of which metric.
const (
	baselineSide = "baseline"
	nowSide      = "now"
)

// geomean is the name of the row that sums up a table.
const geomean = "geomean"

// changes reads what benchstat says of two files, in its csv format. Which way a metric
// gets better is told by its name.
func changes(text string, better map[string]figure.Direction) ([]Change, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = -1
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("what benchstat writes: %w", err)
	}
	var all []Change
	metric, first := "", ""
	for _, row := range rows {
		row = append(row, slices.Repeat([]string{""}, max(0, columns-len(row)))...)
		switch {
		case row[nameColumn] == "" && (row[baseColumn] == baselineSide || row[baseColumn] == nowSide):
			first = row[baseColumn]
		case row[nameColumn] == "":
			metric = row[baseColumn]
		case row[nameColumn] != geomean:
			if first == nowSide {
				// The baseline has nothing of the metric, and no column.
				row[baseColumn], row[nowColumn] = "", row[baseColumn]
			}
			change, err := read(row, better[metric])
			if err != nil {
				return nil, fmt.Errorf("what benchstat writes of %s: %w", row[nameColumn], err)
			}
			change.Metric = metric
			all = append(all, change)
		}
	}
	return all, nil
}

// read reads a row.
func read(row []string, better figure.Direction) (Change, error) {
	c := Change{Name: row[nameColumn]}
	for column, value := range map[int]*float64{baseColumn: &c.Before, nowColumn: &c.After} {
		if row[column] == "" {
			continue
		}
		var err error
		if *value, err = strconv.ParseFloat(row[column], 64); err != nil {
			return c, err
		}
	}
	p, sampled := strings.CutPrefix(row[pColumn], "p=")
	switch {
	case row[baseColumn] == "":
		c.Verdict = New
	case row[nowColumn] == "":
		c.Verdict = Gone
	case sampled && fewest(p) < leastSamples:
		c.Verdict = Unclear
	case sampled && row[deltaColumn] == "~" || c.Before == c.After:
		c.Verdict = Same
	case (c.After < c.Before) == (better == figure.Lower):
		c.Verdict = Better
	default:
		c.Verdict = Worse
	}
	return c, nil
}

// fewest returns how many samples the side has that has fewer: benchstat says "0.008 n=5",
// or "0.030 n=5+3".
func fewest(p string) int {
	_, counts, _ := strings.Cut(p, "n=")
	least := 0
	for i, text := range strings.Split(counts, "+") {
		if n, err := strconv.Atoi(text); err == nil && (i == 0 || n < least) {
			least = n
		}
	}
	return least
}

// String says it in one line.
func (c Change) String() string {
	return fmt.Sprintf("%s: %s %s: %.3g, was %.3g", c.Verdict, c.Name, c.Metric, c.After, c.Before)
}

// Summary counts the changes by what has become of them.
func Summary(all []Change) string {
	counts := map[Verdict]int{}
	for _, c := range all {
		counts[c.Verdict]++
	}
	return fmt.Sprintf("%d better, %d worse, %d same, %d with too few samples to tell, %d new, %d gone",
		counts[Better], counts[Worse], counts[Same], counts[Unclear], counts[New], counts[Gone])
}
