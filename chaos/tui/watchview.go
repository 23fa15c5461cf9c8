package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/internal/report"
)

// sparkWidth is how many characters of the past a recovery shows at least.
const sparkWidth = 12

// recoveryColumns are those of the recovery: 78 wide together.
var recoveryColumns = []column{
	{"WORKLOAD", 23, 2, false}, {"READY", 13, 0, false}, {"FLOOR", 5, 0, true}, {"SEEN", 4, 0, true}, {"", 16, 0, false}, {"READY SO FAR", sparkWidth, 1, false},
}

// drawWatch draws the recovery.
func (m *model) drawWatch() []string {
	w := m.watch
	lines := []string{heading.Styled(fmt.Sprintf("%s %s: %s", verb[w.victim.How], w.victim, m.elapsed()))}
	lines = append(lines, wrap(m.status(), m.width, 2)...)
	for len(lines) < 3 {
		lines = append(lines, "")
	}
	lines = append(lines, headings(recoveryColumns, m.width))
	now := w.begun.Add(w.elapsed(m.clock.Now()))
	height := m.height - watchChrome
	tracks := w.order()
	top := scrollBy(w.top, 0, len(tracks), height)
	sparks := widths(recoveryColumns, m.width-2)[len(recoveryColumns)-1]
	for _, t := range tracks[top:min(len(tracks), top+height)] {
		lines = append(lines, "  "+line(recoveryColumns, t.cells(now, sparks), m.width-2, true))
	}
	return lines
}

// status says how far it has come.
func (m *model) status() string {
	w := m.watch
	short := w.short()
	state := report.Count(short, "workload") + " have fewer ready pods than before."
	switch short {
	case 0:
		state = "All workloads have as many ready pods as before."
	case 1:
		state = "1 workload has fewer ready pods than before."
	}
	switch w.stage {
	case aborting:
		return "Aborting… " + state
	case restoring:
		return "Restoring… " + state
	case doing:
		return "In progress. " + state
	}
	return m.outcome(state)
}

// outcome describes how the removal ended.
func (m *model) outcome(state string) string {
	w := m.watch
	said := fmt.Sprintf("Done after %s. ", m.elapsed())
	switch {
	case w.aborted:
		said = fmt.Sprintf("Aborted after %s. ", m.elapsed())
	case w.err != nil:
		said = fmt.Sprintf("Failed after %s: %v. ", m.elapsed(), w.err)
	case w.short() == 0:
		said, state = fmt.Sprintf("Recovered after %s. ", m.elapsed()), ""
	}
	if w.restoreErr != nil {
		return fmt.Sprintf("%sNOT everything was restored (%s): %v", said, m.howToRestore(), w.restoreErr)
	}
	return strings.TrimSpace(said + state)
}

// cells draws a workload's recovery.
func (t *track) cells(now time.Time, sparks int) []cell {
	state := cell{text: "as before"}
	switch changed := t.since(); {
	case t.short():
		state = cell{"SHORT for " + seconds(now.Sub(changed)), true}
	case changed.After(t.points[0].at):
		state = cell{text: "back after " + seconds(changed.Sub(t.points[0].at))}
	}
	return []cell{
		plain("%s", t.workload), badIf(t.short(), "%s", readyBar(t.now(), t.desired)), plain("%d", t.floor), badIf(t.lowest < t.floor, "%d", t.lowest), state, plain("%s", t.sparkline(now, sparks)),
	}
}

func seconds(d time.Duration) string { return max(0, d).Truncate(time.Second).String() }
