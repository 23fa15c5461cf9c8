package tui

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/report"
)

// preview is what is asked about a victim's loss, and the answer.
type preview struct {
	victim Victim
	number int
	cancel context.CancelFunc
	// behind is the screen to go back to.
	behind screen

	answered   bool
	prediction *assess.Prediction
	entries    []entry
	err        error
	top        int
	// typed is what has been typed of the word that confirms.
	typed string
}

// answer takes the prediction.
func (p *preview) answer(msg predictedMsg) {
	p.cancel()
	p.answered, p.prediction, p.entries, p.err = true, msg.prediction, msg.entries, msg.err
}

// possible says whether the victim can be taken: whether the prediction has come.
func (p *preview) possible() bool { return p.answered && p.err == nil }

// word is what must be typed before it is done; empty where a key will do. What asks no
// budget is never one key away.
func (p *preview) word() string {
	switch p.victim.How {
	case assess.Evict, assess.Drain:
		return ""
	}
	return string(p.victim.How)
}

// predict asks for the prediction, and drops what was asked before.
func (m *model) predict() tea.Cmd {
	p := m.preview
	if p.cancel != nil {
		p.cancel()
	}
	m.previews++
	p.number, p.answered, p.prediction, p.entries, p.err, p.top = m.previews, false, nil, nil, nil, 0
	ctx, cancel := context.WithCancel(m.ctx)
	p.cancel = cancel
	number, victim := p.number, p.victim
	return func() tea.Msg {
		prediction, err := m.opts.Actions.Preview(ctx, victim)
		msg := predictedMsg{number: number, prediction: prediction, err: err}
		if err == nil {
			msg.entries = entries(prediction)
		}
		return msg
	}
}

// dropPreview forgets the preview.
func (m *model) dropPreview() {
	if m.preview != nil {
		m.preview.cancel()
		m.preview = nil
	}
}

// pressPreview answers a key at a prediction.
func (m *model) pressPreview(name string) tea.Cmd {
	p := m.preview
	switch name {
	case "esc", "backspace", "n":
		m.screen = p.behind
		m.dropPreview()
	case "r":
		return m.predict()
	case "enter", "y":
		return m.agree()
	default:
		page := m.height - previewChrome
		p.top = scrollBy(p.top, steps(name, page), len(p.entries), page)
	}
	return nil
}

// steps returns how far a key moves what is longer than the screen.
func steps(name string, page int) int {
	const all = 1 << 30
	switch name {
	case "down", "j":
		return 1
	case "up", "k":
		return -1
	case "pgdown", "space", "ctrl+f":
		return max(1, page)
	case "pgup", "ctrl+b":
		return -max(1, page)
	case "end", "G":
		return all
	case "home", "g":
		return -all
	}
	return 0
}

// agree does what was previewed, or asks for the word first.
func (m *model) agree() tea.Cmd {
	p := m.preview
	switch {
	case !p.possible():
		m.notice = "There is no prediction to confirm yet."
	case m.opts.DryRun:
		m.notice = "Dry run: nothing was changed."
	case p.word() != "":
		p.typed, m.screen = "", confirming
	default:
		return m.do()
	}
	return nil
}

// confirm answers a key while the word is typed.
func (m *model) confirm(name, text string) tea.Cmd {
	p := m.preview
	switch name {
	case "esc":
		m.screen = previewing
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(p.typed)
		p.typed = p.typed[:len(p.typed)-size]
	case "enter":
		if p.typed == p.word() {
			return m.do()
		}
		m.screen, m.notice = previewing, fmt.Sprintf("Nothing was changed: the word is %q.", p.word())
	default:
		p.typed += text
	}
	return nil
}

// do takes the victim away.
func (m *model) do() tea.Cmd {
	m.watch = newWatch(m.preview.victim, m.preview.prediction, m.board, m.clock.Now())
	m.screen = watching
	m.operation = begin(m.ctx, m.opts.Actions, m.preview.victim)
	m.dropPreview()
	return waitDone(m.operation)
}

// summary says in a line or two what a prediction comes to.
func summary(p *assess.Prediction) string {
	said := report.Count(len(p.Pods), "pod") + "."
	if i := slices.IndexFunc(p.Workloads, func(w assess.WorkloadFate) bool { return w.Desired > 1 && w.Ready > 0 && w.Floor == 0 }); i >= 0 {
		said += fmt.Sprintf(" No pod of %s stays ready.", p.Workloads[i].Workload)
	}
	for _, part := range []struct {
		says string
		fate assess.Fate
	}{
		{"Rescheduled", assess.Fits}, {"Pending", assess.Pending}, {"Unknown", assess.Unknown}, {"Not replaced", assess.Unreplaced}, {"Kept", assess.Kept}, {"Unaffected", assess.Stays},
	} {
		if n := p.Count(part.fate); n > 0 {
			said += fmt.Sprintf(" %s: %d.", part.says, n)
		}
	}
	if p.Waves > 1 {
		said += fmt.Sprintf(" In %d waves.", p.Waves)
	}
	return "Predicted: " + said
}
