package page

import (
	"errors"
	"fmt"
	"math"
)

// heatSteps is how many colours a heat map has.
const heatSteps = 10

// heatDrawing is what the script takes for one grid of a heat map.
type heatDrawing struct {
	Kind   string   `json:"kind"`
	Each   string   `json:"each"`
	Values []number `json:"values"`
	// Steps are the colours, -1 for what has no value.
	Steps []int  `json:"steps"`
	Unit  string `json:"unit"`
}

func (f *figure) drawHeatmap(h Heatmap) error {
	if len(h.Grids) == 0 {
		return errors.New("it has no grids")
	}
	most := h.most()
	f.Scale = [2]string{"0", withUnitBehind(most, h.Unit)}
	f.Data.Header = []string{withUnit(h.Each+"s with", h.Unit)}
	f.Data.Rows = heatRows(most)
	for _, g := range h.Grids {
		if len(g.Values) != len(h.Grids[0].Values) {
			return fmt.Errorf("%q has %d values, and %q has %d", g.Name, len(g.Values), h.Grids[0].Name, len(h.Grids[0].Values))
		}
		d := heatDrawing{Kind: "heatmap", Each: clean(h.Each), Unit: clean(h.Unit), Values: []number{}, Steps: []int{}}
		var counts [heatSteps]int
		sum, known, empty := 0.0, 0, 0
		for _, v := range g.Values {
			step := heatStep(v, most)
			d.Values, d.Steps = append(d.Values, number(v)), append(d.Steps, step)
			if step < 0 {
				continue
			}
			counts[step]++
			sum, known = sum+v, known+1
			if v == 0 {
				empty++
			}
		}
		name := g.Name
		if known > 0 {
			name += fmt.Sprintf(": mean %s, %d of %d at 0", withUnitBehind(sum/float64(known), h.Unit), empty, len(g.Values))
		}
		f.Data.Header = append(f.Data.Header, g.Name)
		for i, n := range counts {
			f.Data.Rows[i] = append(f.Data.Rows[i], Number(float64(n)))
		}
		f.Panels = append(f.Panels, panel{Name: name, Label: clean(f.Title + ", " + name), drawing: d})
	}
	return nil
}

// most returns the end of the scale: 100 for percentages, else the largest value.
func (h Heatmap) most() float64 {
	if h.Unit == "%" {
		return 100
	}
	most := 0.0
	for _, g := range h.Grids {
		for _, v := range g.Values {
			if finite(v) {
				most = max(most, v)
			}
		}
	}
	return most
}

// heatStep returns which colour a value has, -1 for none.
func heatStep(v, most float64) int {
	switch {
	case !finite(v):
		return -1
	case most <= 0:
		return 0
	}
	return min(heatSteps-1, max(0, int(math.Floor(v/most*heatSteps))))
}

// heatRows begins the table of how many values there are of each colour.
func heatRows(most float64) [][]string {
	var rows [][]string
	for i := range heatSteps {
		from, to := most*float64(i)/heatSteps, most*float64(i+1)/heatSteps
		rows = append(rows, []string{Number(from) + " to " + Number(to)})
	}
	return rows
}
