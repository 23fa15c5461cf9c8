package page

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// rgb is red, green and blue as light: linear, from 0 to 1.
type rgb [3]float64

// colourSets returns the colours of the style sheet by their names: those of day, and of night.
func colourSets(t *testing.T) []map[string]rgb {
	t.Helper()
	var sets []map[string]rgb
	for _, block := range regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(style, -1) {
		set := map[string]rgb{}
		for _, m := range regexp.MustCompile(`--([a-z0-9]+): #([0-9a-f]{6});`).FindAllStringSubmatch(block[1], -1) {
			set[m[1]] = light(t, m[2])
		}
		sets = append(sets, set)
	}
	if len(sets) != 2 {
		t.Fatalf("the style sheet has %d sets of colours, want those of day and night", len(sets))
	}
	return sets
}

// light returns a colour's light: the inverse of the transfer function of sRGB (IEC 61966-2-1).
func light(t *testing.T, hex string) (c rgb) {
	t.Helper()
	for i := range c {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		if v := float64(n) / 255; v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

func dot(a, b rgb) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

// contrast is the ratio of relative luminances, as WCAG 2.2 defines it.
func contrast(a, b rgb) float64 {
	weights := rgb{0.2126, 0.7152, 0.0722}
	x, y := dot(a, weights), dot(b, weights)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// TestContrast checks that text and marks can be told from what they are on, by day and by
// night: 4.5 to 1 for text, and 3 to 1 for marks (WCAG 2.2, 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	for i, set := range colourSets(t) {
		for on, least := range map[string]map[string]float64{
			"page":   {"text": 4.5, "quiet": 4.5, "own": 4.5, "alarm": 4.5, "good": 3, "c1": 3, "c2": 3, "c3": 3, "c4": 3, "c5": 3, "c6": 3},
			"raised": {"text": 4.5, "quiet": 4.5, "own": 4.5, "c1": 2.8},
			"tint":   {"text": 4.5, "own": 4.5},
			"shade":  {"text": 4.5, "own": 3},
		} {
			for name, want := range least {
				if got := contrast(set[name], set[on]); got < want {
					t.Errorf("set %d: --%s on --%s has a contrast of %.2f, want %g", i, name, on, got, want)
				}
			}
		}
	}
}

// sights are how people see light: as it is, and without the cones for long and for middle
// waves, by the matrices of Viénot, Brettel and Mollon (1999), "Digital video colourmaps for
// checking the legibility of displays by dichromats".
var sights = map[string][3]rgb{
	"all cones":    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}},
	"deuteranopia": {{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}},
}

// lab returns the CIELAB coordinates of light, for the white D65.
func lab(c rgb) rgb {
	f := func(v float64) float64 {
		if v > 0.008856 {
			return math.Cbrt(v)
		}
		return 7.787*v + 16.0/116
	}
	x, y, z := f(dot(c, rgb{0.4124, 0.3576, 0.1805})/0.9505), f(dot(c, rgb{0.2126, 0.7152, 0.0722})), f(dot(c, rgb{0.0193, 0.1192, 0.9505})/1.089)
	return rgb{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// TestColourBlind checks that the colours of subjects can be told apart whatever cones an eye
// has: their distance in CIELAB (CIE 1976) is at least 20, where 2 can just be seen.
func TestColourBlind(t *testing.T) {
	names := []string{string(Own)}
	for _, colour := range others {
		names = append(names, string(colour))
	}
	for i, set := range colourSets(t) {
		for sight, m := range sights {
			seen := func(name string) rgb {
				var c rgb
				for k := range c {
					c[k] = min(1, max(0, dot(m[k], set[name])))
				}
				return lab(c)
			}
			for j, a := range names {
				for _, b := range names[:j] {
					x, y := seen(a), seen(b)
					if d := math.Hypot(math.Hypot(x[0]-y[0], x[1]-y[1]), x[2]-y[2]); d < 20 {
						t.Errorf("set %d, %s: --%s and --%s are %.0f apart", i, sight, a, b, d)
					}
				}
			}
		}
	}
}

func TestPalette(t *testing.T) {
	p := &palette{subjects: []string{"default", "b", "c", "d", "e", "f", "peer"}}
	for _, tt := range []struct {
		name   string
		names  []string
		wanted []Colour
		want   []Colour
	}{
		{"subjects have their own", []string{"b", "stowage", "default"}, []Colour{"", "", ""}, []Colour{"c2", Own, "c1"}},
		{"others have what is left", []string{"x", "default", "y"}, []Colour{"", "", ""}, []Colour{"c2", "c1", "c3"}},
		{"subjects beyond the last colour too", []string{"default", "peer"}, []Colour{"", ""}, []Colour{"c1", "c2"}},
		{"without a subject the first stands out", []string{"x", "y"}, []Colour{"", ""}, []Colour{Own, "c1"}},
		{"what is wanted is given", []string{"x", "y", "default"}, []Colour{Alarm, "c4", ""}, []Colour{Alarm, "c4", "c1"}},
		{"nothing stands out beside what is wanted to", []string{"x", "y"}, []Colour{Own, ""}, []Colour{Own, "c1"}},
	} {
		p.begin(tt.names, tt.wanted)
		var got []Colour
		for i, name := range tt.names {
			got = append(got, p.of(name, tt.wanted[i]))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
