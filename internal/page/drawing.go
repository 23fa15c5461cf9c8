package page

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// barsDrawing is what the script takes for bars.
type barsDrawing struct {
	Kind       string       `json:"kind"`
	Unit       string       `json:"unit"`
	Categories []string     `json:"categories"`
	Upright    bool         `json:"upright"`
	Stacked    bool         `json:"stacked"`
	Series     []barsSeries `json:"series"`
}

type barsSeries struct {
	Name   string     `json:"name"`
	Colour Colour     `json:"colour"`
	Values []barValue `json:"values"`
}

type barValue struct {
	Value number `json:"value"`
	Min   number `json:"min"`
	Max   number `json:"max"`
	Text  string `json:"text"`
	// Span is the range in words, "" where there is none.
	Span string `json:"span"`
}

func (f *figure) drawBars(b Bars, p *palette) error {
	if len(b.Series) == 0 || len(b.Categories) == 0 {
		return errors.New("it has no bars")
	}
	d := barsDrawing{Kind: "bars", Unit: clean(b.Unit), Categories: cleaned(b.Categories), Upright: b.Upright, Stacked: b.Stacked}
	p.begin(b.names())
	f.Data.Header = []string{""}
	for _, category := range b.Categories {
		f.Data.Rows = append(f.Data.Rows, []string{category})
	}
	for _, s := range b.Series {
		if len(s.Values) != len(b.Categories) {
			return fmt.Errorf("series %q has %d values for %d categories", s.Name, len(s.Values), len(b.Categories))
		}
		one := barsSeries{Name: clean(s.Name), Colour: p.of(s.Name, s.Colour)}
		for i, v := range s.Values {
			text, span := v.text(), v.span()
			one.Values = append(one.Values, barValue{number(v.Value), number(v.Min), number(v.Max), text, span})
			if span != "" {
				text += " (" + span + ")"
			}
			f.Data.Rows[i] = append(f.Data.Rows[i], text)
		}
		d.Series = append(d.Series, one)
		f.Keys = append(f.Keys, key{s.Name, one.Colour})
		f.Data.Header = append(f.Data.Header, withUnit(s.Name, b.Unit))
	}
	if len(f.Keys) == 1 {
		f.Keys = nil // the title says what it is
	}
	f.add(d)
	return nil
}

// linesDrawing is what the script takes for lines.
type linesDrawing struct {
	Kind    string          `json:"kind"`
	X       axisDrawing     `json:"x"`
	Y       axisDrawing     `json:"y"`
	Step    bool            `json:"step"`
	Small   bool            `json:"small"`
	Series  []lineDrawing   `json:"series"`
	Windows []windowDrawing `json:"windows"`
	Events  []eventsDrawing `json:"events"`
}

type axisDrawing struct {
	Label string `json:"label"`
	Log   bool   `json:"log"`
	From  number `json:"from"`
	To    number `json:"to"`
}

type lineDrawing struct {
	Name   string      `json:"name"`
	Colour Colour      `json:"colour"`
	Points [][2]number `json:"points"`
}

type windowDrawing struct {
	Name string `json:"name"`
	From number `json:"from"`
	To   number `json:"to"`
}

type eventsDrawing struct {
	Name   string   `json:"name"`
	Colour Colour   `json:"colour"`
	At     []number `json:"at"`
}

func (f *figure) drawLines(l Lines, p *palette) error {
	if len(l.Series) == 0 {
		return errors.New("it has no lines")
	}
	p.begin(l.names())
	d := linesDrawing{Kind: "lines", X: l.X.drawing(), Y: l.Y.drawing(), Step: l.Step, Small: f.Small, Windows: []windowDrawing{}, Events: []eventsDrawing{}}
	for _, s := range l.Series {
		if !slices.IsSortedFunc(s.Points, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) }) {
			return fmt.Errorf("the points of %q are not by ascending x", s.Name)
		}
		one := lineDrawing{Name: clean(s.Name), Colour: p.of(s.Name, s.Colour), Points: [][2]number{}}
		for _, point := range s.Points {
			one.Points = append(one.Points, [2]number{number(point[0]), number(point[1])})
			// There is no place for 0 on a logarithmic axis, and none for it to be left out.
			d.X.Log = d.X.Log && point[0] > 0
			d.Y.Log = d.Y.Log && !(point[1] <= 0)
		}
		d.Series = append(d.Series, one)
		f.Keys = append(f.Keys, key{s.Name, one.Colour})
	}
	for _, e := range l.Events {
		one := eventsDrawing{Name: clean(e.Name), Colour: p.of(e.Name, e.Colour), At: []number{}}
		for _, at := range e.At {
			one.At = append(one.At, number(at))
		}
		d.Events = append(d.Events, one)
		f.Keys = append(f.Keys, key{e.Name, one.Colour})
	}
	for _, w := range l.Windows {
		d.Windows = append(d.Windows, windowDrawing{clean(w.Name), number(w.From), number(w.To)})
		f.Keys = append(f.Keys, key{w.Name, shade})
	}
	f.Keys = slices.CompactFunc(f.Keys, func(a, b key) bool { return a == b })
	if len(f.Keys) == 1 {
		f.Keys = nil
	}
	f.Data.Header, f.Data.Rows = l.table()
	f.add(d)
	return nil
}

// names are those of the series, and the colours that they want.
func (b Bars) names() (names []string, wanted []Colour) {
	for _, s := range b.Series {
		names, wanted = append(names, s.Name), append(wanted, s.Colour)
	}
	return names, wanted
}

func (l Lines) names() (names []string, wanted []Colour) {
	for _, s := range l.Series {
		names, wanted = append(names, s.Name), append(wanted, s.Colour)
	}
	return names, wanted
}
