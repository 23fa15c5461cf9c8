package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

const (
	// leastWidth and leastHeight are the smallest terminal that shows anything of use.
	leastWidth, leastHeight = 40, 12
	// previewChrome and watchChrome are how many lines are around what can be scrolled.
	previewChrome, watchChrome = 7, 6
)

// View implements tea.Model.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.draw(), "\n"))
	v.AltScreen = true
	v.WindowTitle = clean("stowage-chaos " + m.opts.Title)
	return v
}

// draw returns the lines of the screen, none longer and no more of them than it has.
func (m *model) draw() []string {
	if m.width < leastWidth || m.height < leastHeight {
		return wrap(fmt.Sprintf("The terminal is too small: at least %dx%d is required.", leastWidth, leastHeight), max(1, m.width), max(1, m.height))
	}
	lines := append([]string{m.titleLine()}, m.body()...)
	for len(lines) < m.height {
		lines = append(lines, "")
	}
	lines = append(lines[:m.height-1], quiet.Styled(m.keys()))
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, m.width, "…")
	}
	return lines
}

// body returns the lines between title and keys.
func (m *model) body() []string {
	switch m.screen {
	case helping:
		return helpLines()
	case leaving:
		return m.question()
	case previewing, confirming:
		return m.drawPreview()
	case watching:
		return m.drawWatch()
	case looking:
		return m.drawPod()
	}
	return m.drawList()
}

// titleLine says which cluster it is, and whether anything can happen to it.
func (m *model) titleLine() string {
	mode := ""
	if m.opts.DryRun {
		mode = "  DRY RUN: nothing is changed"
	}
	return heading.Styled("stowage-chaos  "+clip(m.opts.Title, max(10, m.width-15-len(mode)))) + mode
}

// keys says what can be pressed.
func (m *model) keys() string {
	switch m.screen {
	case helping:
		return "press any key to go back"
	case leaving:
		return "y abort and quit   n continue"
	case filtering:
		return "type words to filter by   enter apply   esc clear"
	case previewing:
		if !m.preview.possible() {
			return "r predict again   esc back   q quit"
		}
		return "enter do it   r predict again   ↑↓ scroll   esc back   q quit"
	case confirming:
		return "enter confirm   esc back"
	case looking:
		return "e evict   x delete   esc back   ? help   q quit"
	case watching:
		switch {
		case m.quitting:
			return "Ctrl-C again quits without restoring"
		case m.busy():
			return "a abort and restore   esc lists   ↑↓ scroll   ? help   q quit"
		}
		return "enter lists   ↑↓ scroll   q quit"
	}
	first := "enter open"
	if len(m.stacks[m.tab]) > 1 {
		first = "esc back"
	}
	return first + "  / filter  e evict  x delete  D drain  K down  ? help  q quit"
}

// drawList draws a list.
func (m *model) drawList() []string {
	if m.board == nil {
		return []string{"", "Reading the cluster…"}
	}
	l := m.list()
	height := m.height - chrome
	cols := columns[l.tab]
	lines := []string{m.tabLine(), m.scopeLine(), headings(cols, m.width)}
	first, end := l.window(height)
	now := m.clock.Now()
	for i := first; i < end; i++ {
		cells := l.rows[i].cells(m.board, now)
		if i == l.cursor {
			lines = append(lines, selected.Styled("> "+line(cols, cells, m.width-2, false)))
		} else {
			lines = append(lines, "  "+line(cols, cells, m.width-2, true))
		}
	}
	for len(lines) < height+3 {
		lines = append(lines, "")
	}
	return append(lines, m.detailLines()...)
}

func (m *model) tabLine() string {
	var parts []string
	for t, title := range titles {
		if tab(t) == m.tab {
			parts = append(parts, selected.Styled(fmt.Sprintf("[%d %s]", t+1, title)))
		} else {
			parts = append(parts, fmt.Sprintf(" %d %s ", t+1, title))
		}
	}
	return strings.Join(parts, "")
}

// scopeLine says what the rows belong to, how many there are, and what they are filtered by.
func (m *model) scopeLine() string {
	l := m.list()
	said := titles[l.tab]
	for _, opened := range m.stacks[m.tab][1:] {
		said += " > " + opened.scope.title
	}
	said += fmt.Sprintf("  %d", len(l.rows))
	if all := len(m.board.rows[l.tab]); len(l.rows) != all {
		said += fmt.Sprintf(" of %d", all)
	}
	switch {
	case m.screen == filtering:
		said += "  filter: " + l.filter + "_"
	case l.filter != "":
		said += "  filter: " + l.filter + " (esc clears it)"
	}
	return said
}

// detailLines are the two lines below a list.
func (m *model) detailLines() []string {
	var lines []string
	switch r := m.list().selected(); {
	case m.notice != "":
		lines = wrap(m.notice, m.width, 2)
	case r == nil:
		lines = []string{"No entries."}
	default:
		lines = wrap(r.detail(m.board), m.width, 2)
	}
	if m.busy() && m.notice == "" {
		lines = []string{ansi.Truncate(strings.Join(lines, " "), m.width, "…"), m.underWay()}
	}
	return lines
}

// underWay says what is under way, from the lists.
func (m *model) underWay() string {
	return heading.Styled(fmt.Sprintf("In progress for %s: %s %s. w shows it, a aborts it.", m.elapsed(), strings.ToLower(verb[m.watch.victim.How]), m.watch.victim))
}

func (m *model) elapsed() time.Duration { return m.watch.elapsed(m.clock.Now()).Truncate(time.Second) }

// question asks before quitting.
func (m *model) question() []string {
	return []string{"", "An operation is in progress:", fmt.Sprintf("  %s %s, for %s.", verb[m.watch.victim.How], m.watch.victim, m.elapsed()), "", "Abort it, restore what it changed, and quit?"}
}

// drawPreview draws a prediction.
func (m *model) drawPreview() []string {
	p := m.preview
	lines := []string{heading.Styled(fmt.Sprintf("%s %s?", verb[p.victim.How], p.victim))}
	height := m.height - previewChrome
	switch {
	case !p.answered:
		lines = append(lines, "Predicting what would happen…")
	case p.err != nil:
		lines = append(lines, wrap("No prediction: "+p.err.Error(), m.width, m.height-previewChrome)...)
	default:
		lines = append(lines, wrap(summary(p.prediction), m.width, 2)...)
		for len(lines) < 4 {
			lines = append(lines, "")
		}
		top := scrollBy(p.top, 0, len(p.entries), height)
		for _, e := range p.entries[top:min(len(p.entries), top+height)] {
			lines = append(lines, e.draw(m.width))
		}
	}
	for len(lines) < m.height-3 {
		lines = append(lines, "")
	}
	return append(lines, m.promptLine())
}

// promptLine is the last before the keys: the question, or the outcome.
func (m *model) promptLine() string {
	p := m.preview
	switch {
	case m.screen == confirming:
		return heading.Styled(fmt.Sprintf("Budgets are ignored. Type %q to confirm: %s_", p.word(), p.typed))
	case m.notice != "":
		return m.notice
	case !p.possible():
		return ""
	case m.opts.DryRun:
		return "Dry run: enter changes nothing."
	case p.word() != "":
		return fmt.Sprintf("Budgets are ignored: enter asks for the word %q first.", p.word())
	}
	return "Press enter to do it, within budgets."
}
