package page

import "slices"

// Colour is a role that something has, which the style sheet gives a colour by day, by
// night and in print. Series without one get theirs by name.
type Colour string

// The roles. Whose report it is stands out, and the rest does not.
const (
	Own   Colour = "own"
	Good  Colour = "good"
	Alarm Colour = "alarm"
	Quiet Colour = "quiet"
	Muted Colour = "c1"
	// shade is that of windows.
	shade Colour = "shade"
)

// ownName is the subject that stands out.
const ownName = "stowage"

func isOwn(name string) bool { return name == ownName }

// ownRow says whether a row is about it: its name may stand behind a case's.
func ownRow(row []string) bool { return slices.ContainsFunc(row[:min(2, len(row))], isOwn) }

// others are the colours of the others, which the colour-blind can tell apart as well.
var others = []Colour{"c1", "c2", "c3", "c4", "c5", "c6"}

// palette gives the names in a chart their colours.
type palette struct {
	// subjects have the same colour all over a page, as far as there are colours.
	subjects []string
	// here are the colours of the chart that is being drawn.
	here map[string]Colour
}

// begin begins a chart whose series have these names, and want these colours.
func (p *palette) begin(names []string, wanted []Colour) {
	p.here = map[string]Colour{}
	known := false
	for i, name := range names {
		known = known || wanted[i] == Own || isOwn(name) || slices.Contains(p.subjects, name)
	}
	// Where there is no subject, the first of them stands out.
	if i := slices.Index(wanted, ""); !known && i >= 0 {
		p.here[names[i]] = Own
	}
	// Subjects come first, for theirs are not to be taken by others.
	for _, subjects := range []bool{true, false} {
		for i, name := range names {
			if slices.Contains(p.subjects, name) == subjects {
				p.of(name, wanted[i])
			}
		}
	}
}

// of returns the colour of a name: the one that is wanted, or else its own, or one that
// nothing else in the chart has.
func (p *palette) of(name string, wanted Colour) Colour {
	if wanted == "" && isOwn(name) {
		wanted = Own
	}
	if wanted != "" {
		p.here[name] = wanted
	}
	if _, has := p.here[name]; !has {
		p.here[name] = p.free(max(0, slices.Index(p.subjects, name)))
	}
	return p.here[name]
}

// free returns a colour that the chart does not have yet, if there is one, from the i-th on.
func (p *palette) free(i int) Colour {
	taken := map[Colour]bool{}
	for _, colour := range p.here {
		taken[colour] = true
	}
	for j := range others {
		if colour := others[(i+j)%len(others)]; !taken[colour] {
			return colour
		}
	}
	return others[i%len(others)]
}
