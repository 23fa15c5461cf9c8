package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// screen is what is shown.
type screen int

const (
	browsing   screen = iota // the lists
	looking                  // one pod
	helping                  // the keys
	filtering                // the lists, while a filter is typed
	previewing               // a prediction
	confirming               // a prediction, while the word is typed that confirms it
	watching                 // the recovery
	leaving                  // the question whether to abort and quit
)

// What happens, beside keys and sizes.
type (
	// boardMsg brings a new board.
	boardMsg struct{ board *board }
	// tickMsg is time going by.
	tickMsg struct{}
	// endMsg says that the context has ended.
	endMsg struct{}
	// predictedMsg answers the preview of that number.
	predictedMsg struct {
		number     int
		prediction *assess.Prediction
		entries    []entry
		err        error
	}
	// doneMsg says that Do has returned, and restoredMsg that Restore has.
	doneMsg     struct{ operation *operation }
	restoredMsg struct{ operation *operation }
)

// model is all state of the UI. Only Update changes it.
type model struct {
	ctx   context.Context
	opts  Options
	clock clock.PassiveClock

	width, height int
	board         *board
	screen        screen
	// behind is what help and the question cover.
	behind screen
	// stacks are the lists of each tab: the whole list, and what was opened from it.
	stacks [tabs][]*list
	tab    tab
	// pod is the one that is looked at.
	pod string
	// notice is what the last key came to, until the next.
	notice string

	preview *preview
	// previews counts them, so that an answer that comes late is known as such.
	previews  int
	watch     *watch
	operation *operation
	// quitting says that the program ends when all is put back, and gaveUp that it did before.
	quitting, gaveUp bool
}

func newModel(ctx context.Context, opts Options, c clock.PassiveClock) *model {
	m := &model{ctx: ctx, opts: opts, clock: c, width: 80, height: 24, tab: workloadTab}
	for t := range m.stacks {
		m.stacks[t] = []*list{{tab: tab(t)}}
	}
	return m
}

// list returns the one that is shown.
func (m *model) list() *list {
	stack := m.stacks[m.tab]
	return stack[len(stack)-1]
}

// busy says whether something is under way.
func (m *model) busy() bool { return m.operation != nil && !m.watch.over() }

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return tick() }

// tick lets times that are shown go on.
func tick() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return tickMsg{} }) }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tickMsg:
		return m, tick()
	case boardMsg:
		m.board = msg.board
		m.list().fill(m.board)
		if m.busy() {
			m.watch.observe(m.board, m.clock.Now())
		}
	case predictedMsg:
		if m.preview != nil && msg.number == m.preview.number {
			m.preview.answer(msg)
		}
	case doneMsg:
		m.watch.done(m.clock.Now(), msg.operation.doErr)
		return m, waitRestored(msg.operation)
	case restoredMsg:
		m.watch.restored(msg.operation.restoreErr)
		if m.quitting {
			return m, tea.Quit
		}
	case endMsg:
		return m, m.quit()
	case tea.PasteMsg:
		if m.screen == filtering {
			m.setFilter(m.list().filter + msg.Content)
		}
	case tea.KeyPressMsg:
		return m, m.press(msg)
	}
	return m, nil
}

// press answers a key.
func (m *model) press(key tea.KeyPressMsg) tea.Cmd {
	name := key.String()
	if name == "ctrl+c" {
		return m.interrupt()
	}
	if m.quitting {
		return nil
	}
	m.notice = ""
	switch m.screen {
	case filtering:
		m.typeFilter(name, key.Text)
		return nil
	case confirming:
		return m.confirm(name, key.Text)
	case leaving:
		return m.answer(name)
	case helping:
		m.screen = m.behind
		return nil
	}
	switch {
	case name == "q":
		return m.ask()
	case name == "?":
		m.behind, m.screen = m.screen, helping
		return nil
	case name == "a" && m.busy():
		m.abort()
		return nil
	}
	switch m.screen {
	case previewing:
		return m.pressPreview(name)
	case watching:
		m.pressWatch(name)
		return nil
	case looking:
		if name == "esc" || name == "backspace" {
			m.screen = browsing
			return nil
		}
		return m.take(name)
	}
	return m.browse(name)
}

// abort ends what is under way at once.
func (m *model) abort() {
	m.watch.abort()
	m.operation.abort()
	m.screen = watching
}

// ask quits, or asks first where something is under way.
func (m *model) ask() tea.Cmd {
	if !m.busy() {
		return m.quit()
	}
	m.behind, m.screen = m.screen, leaving
	return nil
}

// answer takes the answer to the question.
func (m *model) answer(name string) tea.Cmd {
	switch name {
	case "y":
		return m.quit()
	case "n", "esc", "q":
		m.screen = m.behind
	}
	return nil
}

// quit ends the program: at once where nothing is under way, or else when that is aborted
// and put back.
func (m *model) quit() tea.Cmd {
	m.dropPreview()
	m.screen = browsing
	if !m.busy() {
		return tea.Quit
	}
	m.quitting = true
	m.abort()
	return nil
}

// interrupt quits without a question, and the second time without waiting.
func (m *model) interrupt() tea.Cmd {
	if m.quitting {
		m.gaveUp = true
		return tea.Quit
	}
	return m.quit()
}

// waitDone and waitRestored tell when the operation has got that far.
func waitDone(o *operation) tea.Cmd {
	return func() tea.Msg { <-o.done; return doneMsg{o} }
}

func waitRestored(o *operation) tea.Cmd {
	return func() tea.Msg { <-o.over; return restoredMsg{o} }
}
