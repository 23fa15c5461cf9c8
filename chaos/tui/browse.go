package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// takes are the keys that pick a victim.
var takes = map[string]assess.How{"e": assess.Evict, "x": assess.Delete, "D": assess.Drain, "K": assess.Down}

// chrome is how many lines a list has above and below its rows.
const chrome = 7

// browse answers a key in the lists.
func (m *model) browse(name string) tea.Cmd {
	if m.board == nil {
		return nil
	}
	l := m.list()
	page := max(1, m.height-chrome)
	switch name {
	case "down", "j":
		l.move(1)
	case "up", "k":
		l.move(-1)
	case "pgdown", "space", "ctrl+f":
		l.move(page)
	case "pgup", "ctrl+b":
		l.move(-page)
	case "home", "g":
		l.move(-len(l.rows))
	case "end", "G":
		l.move(len(l.rows))
	case "right", "l", "tab":
		m.turn((m.tab + 1) % tabs)
	case "left", "h", "shift+tab":
		m.turn((m.tab + tabs - 1) % tabs)
	case "1", "2", "3", "4", "5", "6":
		m.turn(tab(name[0] - '1'))
	case "/":
		m.screen = filtering
	case "enter":
		m.open()
	case "esc", "backspace":
		m.back()
	case "w":
		if m.watch == nil {
			m.notice = "No operation has been started yet."
			return nil
		}
		m.screen = watching
	default:
		return m.take(name)
	}
	return nil
}

// turn shows another tab.
func (m *model) turn(to tab) {
	m.tab = to
	m.list().fill(m.board)
}

// open shows what belongs to the selected row.
func (m *model) open() {
	r := m.list().selected()
	if r == nil {
		return
	}
	if t, s, leads := r.open(); leads {
		opened := &list{tab: t, scope: s}
		opened.fill(m.board)
		m.stacks[m.tab] = append(m.stacks[m.tab], opened)
		return
	}
	m.pod, m.screen = r.id(), looking
}

// back takes the filter away, or else closes what was opened last.
func (m *model) back() {
	stack := m.stacks[m.tab]
	switch {
	case m.list().filter != "":
		m.setFilter("")
		return
	case len(stack) > 1:
		m.stacks[m.tab] = stack[:len(stack)-1]
	}
	m.list().fill(m.board)
}

// typeFilter answers a key while a filter is typed.
func (m *model) typeFilter(name, text string) {
	switch filter := m.list().filter; name {
	case "enter":
		m.screen = browsing
	case "esc":
		m.screen = browsing
		m.setFilter("")
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(filter)
		m.setFilter(filter[:len(filter)-size])
	default:
		m.setFilter(filter + text)
	}
}

func (m *model) setFilter(filter string) {
	l := m.list()
	l.filter = strings.Join(strings.FieldsFunc(filter, func(r rune) bool { return r < ' ' }), " ")
	l.fill(m.board)
}

// take previews the loss of the selected row, where the key says how.
func (m *model) take(name string) tea.Cmd {
	how, is := takes[name]
	r := m.pointed()
	if !is || r == nil {
		return nil
	}
	victim, can := r.victim(how)
	switch {
	case !can:
		m.notice = refusal(r, how)
		return nil
	case m.busy():
		m.notice = "An operation is in progress: w shows it, a aborts it."
		return nil
	}
	m.preview = &preview{victim: victim, behind: m.screen}
	m.screen = previewing
	return m.predict()
}

// pointed returns the row that keys are about: the selected one, or the pod that is looked
// at, which may be gone.
func (m *model) pointed() row {
	l := m.list()
	if m.screen != looking {
		return l.selected()
	}
	if i := slices.IndexFunc(l.rows, func(r row) bool { return r.id() == m.pod }); i >= 0 {
		return l.rows[i]
	}
	return nil
}

// refusal says what the key is for.
func refusal(r row, how assess.How) string {
	takesPods := how == assess.Evict || how == assess.Delete
	if _, is := r.(*zoneRow); is && !takesPods {
		return "These nodes have no zone: select them one by one."
	}
	if takesPods {
		return fmt.Sprintf("Pods and workloads can be %s; nodes and zones are drained (D) or taken down (K).", past[how])
	}
	return fmt.Sprintf("Nodes and zones can be %s; pods and workloads are evicted (e) or deleted (x).", past[how])
}

// What is done to victims, in words.
var (
	verb = map[assess.How]string{assess.Evict: "Evict", assess.Delete: "Delete", assess.Drain: "Drain", assess.Down: "Take down"}
	past = map[assess.How]string{assess.Evict: "evicted", assess.Delete: "deleted", assess.Drain: "drained", assess.Down: "taken down"}
)
