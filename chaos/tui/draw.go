package tui

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// Styles only stress what the words say as well. Colours are dropped where NO_COLOR is
// set or the terminal has none.
var (
	heading  = ansi.Style{}.Bold()
	quiet    = ansi.Style{}.Faint()
	selected = ansi.Style{}.Reverse(true)
	alarm    = ansi.Style{}.Bold().ForegroundColor(ansi.Red)
)

// clean takes out what would move the cursor or begin a sequence: names and messages come
// from elsewhere.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// clip cuts a text to the width, in the middle: what tells names apart is at their ends.
func clip(text string, width int) string {
	text = clean(text)
	full := ansi.StringWidth(text)
	switch {
	case full <= width:
		return text
	case width <= 1:
		return ansi.Truncate(text, max(0, width), "")
	}
	end := (width - 1) / 2
	// A wide character at the cut may be one column too many.
	return ansi.Truncate(ansi.Truncate(text, width-1-end, "")+"…"+ansi.TruncateLeft(text, full-end, ""), width, "")
}

// pad brings a text to the width exactly.
func pad(text string, width int, right bool) string {
	text = clip(text, width)
	space := strings.Repeat(" ", width-ansi.StringWidth(text))
	if right {
		return space + text
	}
	return text + space
}

// wrap breaks a text into lines of the width, at most so many.
func wrap(text string, width, most int) []string {
	lines := strings.Split(ansi.Wrap(clean(text), width, ""), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1], ansi.Truncate(strings.Join(lines[most-1:], " "), width, "…"))
	}
	return lines
}

// widths returns how wide the columns are in a table of that width, with a space between
// them: those with a share divide what is left, the last of them gets the rest.
func widths(columns []column, width int) []int {
	w := make([]int, len(columns))
	left, shares, last := width-len(columns)+1, 0, 0
	for i, c := range columns {
		w[i] = c.width
		left -= c.width
		shares += c.share
		if c.share > 0 {
			last = i
		}
	}
	if left <= 0 {
		return w
	}
	rest := left
	for i, c := range columns {
		if c.share > 0 {
			part := left * c.share / shares
			w[i] += part
			rest -= part
		}
	}
	w[last] += rest
	return w
}

// headings draws a table's first line.
func headings(columns []column, width int) string {
	cells := make([]cell, len(columns))
	for i, c := range columns {
		cells[i].text = c.title
	}
	return heading.Styled("  " + line(columns, cells, width-2, false))
}

// line draws a row of a table, without styles where it is to get one as a whole.
func line(columns []column, cells []cell, width int, styled bool) string {
	var parts []string
	for i, w := range widths(columns, width) {
		text := pad(cells[i].text, w, columns[i].right)
		if styled && cells[i].bad {
			text = alarm.Styled(text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// bar draws a part of a whole.
func bar(part, whole int64, width int) string {
	full := 0
	if whole > 0 {
		full = int(min(max(part*int64(width)/whole, 0), int64(width)))
	}
	// Neither nothing nor everything unless it is.
	if full == 0 && part > 0 && whole > 0 {
		full = 1
	}
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// share draws how much of something is requested.
func share(requested, allocatable int64) cell {
	if allocatable <= 0 {
		return cell{text: "-"}
	}
	percent := requested * 100 / allocatable
	return badIf(percent > 100, "%s %3d%%", bar(requested, allocatable, 5), percent)
}

// readyBar draws how many pods of a workload are ready, of how many it wants.
func readyBar(ready, desired int) string {
	if desired < 0 {
		return fmt.Sprintf("%s %d of ?", strings.Repeat("·", 5), ready)
	}
	return fmt.Sprintf("%s %d of %d", bar(int64(ready), int64(desired), 5), ready, desired)
}

// heights are the characters of a sparkline, from nothing to all.
var heights = []rune("▁▂▃▄▅▆▇█")

// spark draws a character for a part of a whole: the highest only for all of it, the lowest
// only for nothing.
func spark(part, whole int) rune {
	top := len(heights) - 1
	switch {
	case part <= 0:
		return heights[0]
	case part >= whole:
		return heights[top]
	}
	return heights[1+(part*(top-1)-1)/whole]
}

func (a amount) String() string {
	return fmt.Sprintf("%.4g cpu, %.4g GiB", float64(a.cpu)/1000, float64(a.memory)/(1<<30))
}
