package page

import (
	"math"
	"slices"
)

// mostRows is how many different x a table of lines has a row for.
const mostRows = 40

func (a Axis) drawing() axisDrawing {
	d := axisDrawing{Label: clean(withUnit(a.Label, a.Unit)), Log: a.Log, From: number(math.NaN()), To: number(math.NaN())}
	if a.To > a.From {
		d.From, d.To = number(a.From), number(a.To)
	}
	return d
}

// table returns the figures of the lines: a row for each x, or where these are too many a
// row for each line.
func (l Lines) table() ([]string, [][]string) {
	var xs []float64
	for _, s := range l.Series {
		for _, point := range s.Points {
			xs = append(xs, point[0])
		}
	}
	slices.Sort(xs)
	if xs = slices.Compact(xs); len(xs) > mostRows {
		return l.summary()
	}
	header := []string{withUnit(l.X.Label, l.X.Unit)}
	rows := make([][]string, len(xs))
	for i, x := range xs {
		rows[i] = []string{Number(x)}
	}
	for _, s := range l.Series {
		header = append(header, withUnit(s.Name, l.Y.Unit))
		for i, x := range xs {
			cell := missing
			for _, point := range s.Points {
				if point[0] == x {
					cell = Number(point[1])
				}
			}
			rows[i] = append(rows[i], cell)
		}
	}
	return header, rows
}

// summary says of each line where it begins and ends, and its lowest and highest value.
func (l Lines) summary() (header []string, rows [][]string) {
	header = []string{withUnit(l.Y.Label, l.Y.Unit), "first", "lowest", "highest", "last"}
	for _, s := range l.Series {
		row := []string{s.Name, missing, missing, missing, missing}
		if n := len(s.Points); n > 0 {
			low, high := math.Inf(1), math.Inf(-1)
			for _, point := range s.Points {
				low, high = min(low, point[1]), max(high, point[1])
			}
			row = []string{s.Name, Number(s.Points[0][1]), Number(low), Number(high), Number(s.Points[n-1][1])}
		}
		rows = append(rows, row)
	}
	return header, rows
}
