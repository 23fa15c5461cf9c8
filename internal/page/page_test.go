package page_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/stowage-k8s/stowage/internal/page"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

func write(t *testing.T, p page.Page) string {
	t.Helper()
	var b strings.Builder
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// example is a page with everything that a page can have; its figures are made up.
func example() page.Page {
	before, after := make([]float64, 200), make([]float64, 200)
	for i := range before {
		before[i], after[i] = float64(i%2*80+i%10), 45+float64(i%7)
	}
	after[199] = math.NaN()
	return page.Page{
		Product: "Stowage test", Title: "Figures that are made up", Subtitle: "For the test of the page", Subjects: []string{"stowage", "default"},
		Remarks: []string{"The first thing to know."},
		Headlines: []page.Headline{
			{Value: "25 ×", What: "less of everything", Noise: "24 to 26 over 5 rounds", Command: "make test", Rivals: []page.Rival{{Name: "stowage", Value: 80, Text: "80 µs"}, {Name: "default", Value: 2000, Text: "2,000 µs"}}},
			{Value: "0", What: "budgets broken by 100 evictions", Command: "make test"},
		},
		Sections: []page.Section{
			{Title: "Bars", Command: "make test", Text: []string{"A sentence."}, Charts: []page.Chart{
				{Title: "Lying", About: "They lie", Bars: &page.Bars{Unit: "µs", Categories: []string{"empty cluster", "required anti-affinity, 5,000 nodes"}, Series: []page.BarSeries{
					{Name: "stowage", Values: []page.Value{{Value: 80, Min: 70, Max: 90}, page.Exactly(100)}},
					{Name: "default", Values: []page.Value{{Value: 2000, Min: 1500, Max: 2400}, page.Missing()}},
				}}},
				{Title: "Upright", Bars: &page.Bars{Upright: true, Stacked: true, Categories: []string{"0 s", "1 s", "2 s"}, Series: []page.BarSeries{
					{Name: "replaced", Colour: page.Good, Values: []page.Value{page.Exactly(1), page.Exactly(5), page.Exactly(2)}},
					{Name: "never", Colour: page.Alarm, Values: []page.Value{page.Exactly(0), page.Exactly(1), page.Exactly(0)}},
				}}},
			}, Tables: []page.Table{{Title: "Numbers", Header: []string{"case", "stowage", "default"}, Rows: [][]string{{"a", "1,234", "12.5 %"}, {"b", "-", "3"}}, After: "And more."}}},
			{Title: "Lines", Charts: []page.Chart{
				{Title: "Logarithmic", Lines: &page.Lines{X: page.Axis{Label: "nodes", Log: true}, Y: page.Axis{Label: "CPU per pod", Unit: "µs", Log: true}, Series: []page.Line{
					{Name: "stowage", Points: [][2]float64{{1000, 76}, {5000, 80}, {15000, 90}}},
					{Name: "default", Points: [][2]float64{{1000, 900}, {5000, 1600}, {15000, 2500}}},
				}}},
				{Title: "Over time", Wide: true, Lines: &page.Lines{Step: true, X: page.Axis{Label: "time", Unit: "s"}, Y: page.Axis{Label: "ready", Unit: "%", To: 100},
					Series:  []page.Line{{Name: "Deployment shop/web", Points: [][2]float64{{0, 100}, {5, 50}, {9, 100}, {20, 100}}}},
					Windows: []page.Window{{Name: "zone down", From: 5, To: 8}}, Events: []page.Events{{Name: "evicted", Colour: page.Alarm, At: []float64{5, 5.5, 6}}, {Name: "replaced", Colour: page.Good, At: []float64{7, 9}}},
				}},
			}},
			{Title: "Heat maps", Charts: []page.Chart{{Title: "Nodes", Wide: true, Heatmap: &page.Heatmap{Unit: "%", Each: "node", Grids: []page.Grid{{Name: "before", Values: before}, {Name: "after", Values: after}}}}}},
		},
		Shortcomings: []string{"All of it is made up."},
		Environment:  []page.Fact{{Name: "CPU", Text: "none"}},
	}
}

func TestChartsAreDrawn(t *testing.T) {
	browser := pagetest.Start(t)
	text := write(t, example())
	for _, view := range pagetest.Views() {
		t.Run(view.String(), func(t *testing.T) {
			tab := browser.Open(t, "example", text, view)
			got := map[string]int{}
			for name, selector := range map[string]string{
				"charts":          ".chart svg",
				"stowage's bars":  "[data-drawing='0'] path[fill='var(--own)']",
				"default's bars":  "[data-drawing='0'] path[fill='var(--c1)']",
				"replaced":        "[data-drawing='1'] path[fill='var(--good)']",
				"lines":           "[data-drawing='2'] path[stroke='var(--own)'][stroke-width='2.5'], [data-drawing='2'] path[stroke='var(--c1)'][stroke-width='1.75']",
				"windows":         "[data-drawing='3'] path[fill='var(--shade)']",
				"events":          "[data-drawing='3'] path[fill='var(--alarm)'], [data-drawing='3'] path[fill='var(--good)']",
				"cells before":    "[data-drawing='4'] path[fill^='var(--h']",
				"cells after":     "[data-drawing='5'] path[fill^='var(--h']",
				"without a value": "[data-drawing='5'] path[fill='var(--line)']",
			} {
				got[name] = tab.Count(selector)
			}
			want := map[string]int{"charts": 6, "stowage's bars": 2, "default's bars": 1, "replaced": 3, "lines": 2, "windows": 1, "events": 5, "cells before": 200, "cells after": 199, "without a value": 1}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("drawn (-want +got):\n%s", diff)
			}
			background := pagetest.Eval[string](tab, `getComputedStyle(document.body).backgroundColor`)
			if dark := background != "rgb(255, 255, 255)"; dark != (view.Dark && !view.Paper) {
				t.Errorf("the background is %s", background)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 1.5: "1.5", 0.05: "0.05", 12.345: "12.3", 123.4: "123", 12533: "12,533", 1234567: "1,234,567", -1500: "-1,500", 0.01234: "0.0123", math.Inf(1): "-"} {
		if got := page.Number(v); got != want {
			t.Errorf("%g is written as %q, want %q", v, got, want)
		}
	}
}

// attack is what names may have in them that come from a cluster.
const attack = `</script><script>alert(1)</script>"><img src=x onerror=alert(1)>{{.}}` + "\x1b[2J\u2028'`"

// hostile is a page all of whose text is an attack.
func hostile() page.Page {
	series := func() []page.BarSeries {
		return []page.BarSeries{{Name: attack, Values: []page.Value{{Value: 2, Min: 1, Max: 3}}}, {Name: "b", Values: []page.Value{page.Exactly(1)}}}
	}
	return page.Page{
		Product: attack, Title: attack, Subtitle: attack, Remarks: []string{attack}, Subjects: []string{attack},
		Headlines: []page.Headline{{Value: attack, What: attack, Noise: attack, Command: attack, Rivals: []page.Rival{{Name: attack, Value: 1, Text: attack}}}},
		Sections: []page.Section{{
			Title: attack, Command: attack, Text: []string{attack},
			Charts: []page.Chart{
				{Title: attack, About: attack, Bars: &page.Bars{Unit: attack, Categories: []string{attack}, Series: series()}},
				{Title: attack, About: attack, Lines: &page.Lines{
					X: page.Axis{Label: attack, Unit: attack}, Y: page.Axis{Label: attack, Unit: attack}, Series: []page.Line{{Name: attack, Points: [][2]float64{{1, 1}, {2, 2}}}},
					Windows: []page.Window{{Name: attack, From: 1, To: 2}}, Events: []page.Events{{Name: attack, At: []float64{1}}},
				}},
				{Title: attack, About: attack, Heatmap: &page.Heatmap{Unit: attack, Each: attack, Grids: []page.Grid{{Name: attack, Values: []float64{1, 2}}}}},
			},
			Tables: []page.Table{{Title: attack, Header: []string{attack, attack}, Rows: [][]string{{attack, attack}}, After: attack}, {Title: attack, Folded: true}},
		}, {Title: "two"}, {Title: "three"}},
		Shortcomings: []string{attack}, Environment: []page.Fact{{Name: attack, Text: attack}},
	}
}

func TestHostileTextStaysText(t *testing.T) {
	text := write(t, hostile())
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }); i >= 0 {
		t.Errorf("the page has a control character: %q", text[max(0, i-40):i+40])
	}
	browser := pagetest.Start(t)
	tab := browser.Open(t, "hostile", text, pagetest.Phone)
	// The tooltips, which are made of names as well, show up under the mouse.
	tips := pagetest.Eval[[]string](tab, `[...document.querySelectorAll('.chart')].map(chart => {
		const svg = chart.querySelector('svg'), at = svg.getBoundingClientRect();
		svg.parentNode.dispatchEvent(new MouseEvent('mousemove', {bubbles: true, clientX: at.left + at.width / 2, clientY: at.top + at.height / 2 - 20}));
		return chart.querySelector('.tip')?.textContent ?? '';
	})`)
	for i, tip := range tips {
		if !strings.Contains(tip, "<img src=x") {
			t.Errorf("the tooltip of chart %d is %q, want the name as it is", i, tip)
		}
	}
	if n := tab.Count("img"); n != 0 {
		t.Errorf("the page has %d images", n)
	}
	if n := tab.Count("script"); n != 3 {
		t.Errorf("the page has %d scripts, want its own 3", n)
	}
}

// TestWellFormed checks that all elements are closed, and that nothing refers to anything
// but parts of the page.
func TestWellFormed(t *testing.T) {
	for name, p := range map[string]page.Page{"example": example(), "hostile": hostile(), "empty": {}} {
		text := write(t, p)
		tokens := html.NewTokenizer(strings.NewReader(text))
		var open []string
		for {
			kind := tokens.Next()
			if kind == html.ErrorToken {
				break
			}
			token := tokens.Token()
			for _, a := range token.Attr {
				if a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && !strings.HasPrefix(a.Val, "#s-") {
					t.Errorf("%s: an element %s has %s=%q", name, token.Data, a.Key, a.Val)
				}
			}
			switch {
			case kind == html.StartTagToken && !slices.Contains([]string{"meta", "wbr"}, token.Data):
				open = append(open, token.Data)
			case kind == html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != token.Data {
					t.Fatalf("%s: %s is closed in %q", name, token.Data, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %q are not closed", name, open)
		}
		if tables := strings.Count(text, "<table"); strings.Count(text, `<div class="scroll"`) != tables {
			t.Errorf("%s: not all of %d tables scroll", name, tables)
		}
	}
}

func TestMistakes(t *testing.T) {
	bars := page.Bars{Categories: []string{"a"}, Series: []page.BarSeries{{Name: "s", Values: []page.Value{page.Exactly(1), page.Exactly(2)}}}}
	for want, section := range map[string]page.Section{
		`chart "c": it has to have one of bars, lines and a heat map`: {Charts: []page.Chart{{Title: "c"}}},
		`chart "d": it has to have one of bars, lines and a heat map`: {Charts: []page.Chart{{Title: "d", Bars: &bars, Lines: &page.Lines{}}}},
		`series "s" has 2 values for 1 categories`:                    {Charts: []page.Chart{{Bars: &bars}}},
		`it has no bars`:  {Charts: []page.Chart{{Bars: &page.Bars{}}}},
		`it has no lines`: {Charts: []page.Chart{{Lines: &page.Lines{}}}},
		`it has no grids`: {Charts: []page.Chart{{Heatmap: &page.Heatmap{}}}},
		`the points of "l" are not by ascending x`:   {Charts: []page.Chart{{Lines: &page.Lines{Series: []page.Line{{Name: "l", Points: [][2]float64{{2, 0}, {1, 0}}}}}}}},
		`"b" has 1 values, and "a" has 2`:            {Charts: []page.Chart{{Heatmap: &page.Heatmap{Grids: []page.Grid{{Name: "a", Values: []float64{1, 2}}, {Name: "b", Values: []float64{1}}}}}}},
		`table "t": row 0 has 1 cells, the header 2`: {Tables: []page.Table{{Title: "t", Header: []string{"a", "b"}, Rows: [][]string{{"1"}}}}},
	} {
		var b strings.Builder
		err := page.Page{Sections: []page.Section{section}}.Write(&b)
		if err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%v and %d bytes are written, want the error %q and nothing", err, b.Len(), want)
		}
	}
}
