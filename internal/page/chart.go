package page

import (
	"errors"
	"math"
)

// Chart is a chart with its texts. It has one of the drawings.
type Chart struct {
	Title string
	// About says in a sentence what there is to see, for those who do not see it too.
	About string
	// Wide charts take a row of their own, and of small ones a row has several.
	Wide, Small bool

	Bars    *Bars
	Lines   *Lines
	Heatmap *Heatmap
}

// Bars are bars in groups, from left to right or upright.
type Bars struct {
	Unit       string
	Categories []string
	Series     []BarSeries
	Upright    bool
	// Stacked bars of a category are one bar; their Min and Max are not shown.
	Stacked bool
}

// BarSeries is the bars of one name, a value for each category.
type BarSeries struct {
	Name   string
	Colour Colour
	Values []Value
}

// Value is a measured value with the range of its variation, or NaN if nothing was measured.
type Value struct{ Value, Min, Max float64 }

// Missing stands for what was not measured.
func Missing() Value { return Value{math.NaN(), math.NaN(), math.NaN()} }

// Exactly is a value without a known variation.
func Exactly(v float64) Value { return Value{v, v, v} }

// Lines are lines over a quantity, or over time.
type Lines struct {
	X, Y   Axis
	Series []Line
	// Step says that each point holds until the next.
	Step bool
	// Windows are stretches of x that are shaded, and Events rows of marks at some x.
	Windows []Window
	Events  []Events
}

// Axis says what is along an axis. Logarithmic axes are for values above 0.
type Axis struct {
	Label, Unit string
	Log         bool
	// From and To are the ends; both 0 means as far as the values go.
	From, To float64
}

// Line is a line through points of x and y, by ascending x.
type Line struct {
	Name   string
	Colour Colour
	Points [][2]float64
}

// Window is a stretch of x.
type Window struct {
	Name     string
	From, To float64
}

// Events are moments of one kind.
type Events struct {
	Name   string
	Colour Colour
	At     []float64
}

// Heatmap shows a value of each of many alike, such as how full nodes are, in a grid.
type Heatmap struct {
	Unit string
	// Each is what a value is of, as in "node".
	Each  string
	Grids []Grid
}

// Grid is one state of all. Value i of every grid of a heat map is of the same thing.
type Grid struct {
	Name   string
	Values []float64
}

// figure is a chart as the template takes it.
type figure struct {
	Title, About string
	Wide, Small  bool
	Keys         []key
	Panels       []panel
	Data         Table
	// Scale is the ends of a heat map's scale, "" for other charts.
	Scale [2]string
}

// key is what a colour stands for.
type key struct {
	Name   string
	Colour Colour
}

// panel is what is drawn by itself; a heat map has one for each grid.
type panel struct {
	Number      int
	Name, Label string
	drawing     any
}

var errNoDrawing = errors.New("it has to have one of bars, lines and a heat map")

func newFigure(c Chart, p *palette) (figure, error) {
	f := figure{Title: c.Title, About: c.About, Wide: c.Wide, Small: c.Small}
	var err error
	switch {
	case c.Bars != nil && c.Lines == nil && c.Heatmap == nil:
		err = f.drawBars(*c.Bars, p)
	case c.Lines != nil && c.Bars == nil && c.Heatmap == nil:
		err = f.drawLines(*c.Lines, p)
	case c.Heatmap != nil && c.Bars == nil && c.Lines == nil:
		err = f.drawHeatmap(*c.Heatmap)
	default:
		err = errNoDrawing
	}
	f.Data.Title = "Figures"
	return f, err
}

// add adds a panel that stands for the whole chart.
func (f *figure) add(drawing any) {
	label := clean(f.Title)
	if f.About != "" {
		label += ": " + clean(f.About)
	}
	f.Panels = append(f.Panels, panel{Label: label, drawing: drawing})
}
