package tui

import (
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"pgregory.net/rapid"
)

func crowd(names ...string) *board {
	w := &world{}
	for _, name := range names {
		w.pod("default", name, "node-1", nil)
	}
	return w.board()
}

func TestTheCursorStaysWithItsRow(t *testing.T) {
	u := newUser(t, nil, false)
	u.Update(boardMsg{crowd("b", "c", "d")})
	u.press("5 j")
	u.sees("> default/c")
	u.Update(boardMsg{crowd("a", "b", "bb", "c", "d")})
	u.sees("> default/c")
	u.Update(boardMsg{crowd("a", "b", "d")})
	u.sees("> default/d") // the row is gone, and the list is shorter
	u.Update(boardMsg{crowd()})
	u.sees("No entries.")
	u.press("j k G g enter e pgdown")
	u.Update(boardMsg{crowd("z")})
	u.sees("> default/z")
}

func TestFilters(t *testing.T) {
	u := newUser(t, small(), false)
	u.press("5 /")
	u.write("SHOP node-2")
	u.press("enter")
	u.sees("Pods  1 of 7  filter: SHOP node-2 (esc clears it)")
	u.sees("> shop/web-5d8f-b")
	u.press("esc")
	u.sees("Pods  7\n")
	u.press("/")
	u.write("not x")
	u.press("backspace backspace backspace")
	u.write("t READY")
	u.sees("filter: not READY_")
	u.sees("> shop/web-5d8f-c")
	u.press("esc")
	u.sees("Pods  7\n")
	u.press("4 /")
	u.write("default/api")
	u.sees("Workloads  1 of 3")
}

func TestTabsRememberWhatWasOpened(t *testing.T) {
	u := newUser(t, small(), false)
	u.press("2 G enter enter")
	u.sees("Pods > zone zone-b > node node-3  1 of 7")
	u.press("right left")
	u.sees("Pods > zone zone-b > node node-3  1 of 7")
	u.press("esc")
	u.sees("Nodes > zone zone-b  1 of 4")
	u.press("esc esc esc")
	u.sees("> zone-b")
	u.press("6 G enter")
	u.sees("Pods > budget shop/web  3 of 7")
}

// TestScroll scrolls at random: the cursor is on the screen and no line is wasted.
func TestScroll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines, height, top := rapid.IntRange(1, 60).Draw(t, "lines"), rapid.IntRange(1, 30).Draw(t, "height"), rapid.IntRange(0, 80).Draw(t, "top")
		cursor := rapid.IntRange(0, lines-1).Draw(t, "cursor")
		got := scroll(top, cursor, lines, height)
		if got < 0 || cursor < got || cursor >= got+height || got > 0 && got+height > lines {
			t.Fatalf("scroll(%d, %d, %d, %d) = %d", top, cursor, lines, height, got)
		}
		if fits := top <= cursor && cursor < top+height && (top == 0 || top+height <= lines); fits && got != top {
			t.Fatalf("scroll(%d, %d, %d, %d) = %d: it need not have moved", top, cursor, lines, height, got)
		}
	})
}

func TestLongListsScroll(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("p-%02d", i))
	}
	u := newUser(t, nil, false)
	u.Update(boardMsg{crowd(names...)})
	u.press("5 G")
	u.sees("> default/p-99")
	u.press("pgup")
	u.sees("> default/p-82")
	u.sees("  default/p-98")
	if u.Update(tea.WindowSizeMsg{Width: 80, Height: 12}); strings.Contains(u.text(), "p-98") {
		t.Errorf("more rows than fit:\n%s", u.text())
	}
	u.sees("> default/p-82")
}

func TestLongPredictionsScroll(t *testing.T) {
	u := newUser(t, small(), false)
	p := zoneDown()
	for i := range 50 {
		p.Pods[1].Pod = fmt.Sprintf("more-%02d", i)
		p.Pods = append(p.Pods, p.Pods[1])
	}
	u.actions.prediction = p
	u.after(u.press("2 j K"))
	u.press("G")
	u.sees("shop/agent")
	u.press("k")
	if u.sees("shop/more-49"); strings.Contains(u.text(), "shop/agent") {
		t.Errorf("it has not scrolled:\n%s", u.text())
	}
	u.press("g")
	u.sees("WORKLOAD")
}
