package tui

import "strings"

// list is what of a tab is shown, and where the cursor stands. Only rows that are on the
// screen are ever drawn.
type list struct {
	tab   tab
	scope scope
	// filter is what the user looks for: words in lower case that all must be there.
	filter string

	rows []row
	// cursor is the selected row, and top the first on the screen. The cursor stays with
	// the row of the id as rows come and go.
	cursor, top int
	id          string
}

// fill takes the rows out of a board.
func (l *list) fill(b *board) {
	l.rows = b.rows[l.tab]
	if words := strings.Fields(strings.ToLower(l.filter)); len(words) > 0 || l.scope.keep != nil {
		l.rows = l.kept(words)
	}
	if l.cursor < len(l.rows) && l.rows[l.cursor].id() == l.id {
		return
	}
	for i, r := range l.rows {
		if r.id() == l.id {
			l.top += i - l.cursor // it stays where it is on the screen too
			l.cursor = i
			return
		}
	}
	l.move(0)
}

func (l *list) kept(words []string) []row {
	var kept []row
next:
	for _, r := range l.rows {
		if l.scope.keep != nil && !l.scope.keep(r) {
			continue
		}
		for _, word := range words {
			if !r.matches(word) {
				continue next
			}
		}
		kept = append(kept, r)
	}
	return kept
}

// move moves the cursor by so many rows.
func (l *list) move(by int) {
	l.cursor = min(max(l.cursor+by, 0), max(len(l.rows)-1, 0))
	l.id = ""
	if r := l.selected(); r != nil {
		l.id = r.id()
	}
}

// selected returns the row under the cursor; nil where there is none.
func (l *list) selected() row {
	if l.cursor < len(l.rows) {
		return l.rows[l.cursor]
	}
	return nil
}

// window returns the rows that a screen of the height shows, with the cursor among them.
func (l *list) window(height int) (first, end int) {
	l.top = scroll(l.top, l.cursor, len(l.rows), height)
	return l.top, min(l.top+height, len(l.rows))
}

// scroll returns the first line to show of so many, as near to the former as can be, with
// the cursor on the screen and none of it wasted.
func scroll(top, cursor, lines, height int) int {
	top = min(top, cursor)
	top = max(top, cursor-height+1)
	return max(0, min(top, lines-height))
}
