// Package report shows people what Stowage found out and is doing.
package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// plainInterval is how often a status may be repeated where it cannot be redrawn.
const plainInterval = 5 * time.Second

// Live shows a status that changes: redrawn in place on a terminal, as a line now
// and then elsewhere.
type Live struct {
	out      io.Writer
	terminal bool
	height   int
	// last was printed at lastAt; pending was not, so far.
	last, pending string
	lastAt        time.Time
}

// NewLive returns a Live that writes to the file.
func NewLive(out *os.File) *Live {
	return &Live{out: out, terminal: term.IsTerminal(int(out.Fd()))}
}

// Show replaces the status, which may have several lines.
func (l *Live) Show(status string) {
	status = strings.TrimRight(status, "\n")
	if l.terminal {
		l.erase()
		fmt.Fprintln(l.out, status)
		l.height = strings.Count(status, "\n") + 1
		return
	}
	if status == l.last {
		return
	}
	l.pending = status
	if time.Since(l.lastAt) >= plainInterval {
		fmt.Fprintln(l.out, status)
		l.last, l.lastAt, l.pending = status, time.Now(), ""
	}
}

// Println prints something that stays, above the status.
func (l *Live) Println(args ...any) {
	l.erase()
	fmt.Fprintln(l.out, args...)
}

// Keep leaves the status where it is, as the last of its kind.
func (l *Live) Keep() {
	if !l.terminal && l.pending != "" {
		fmt.Fprintln(l.out, l.pending)
	}
	l.height, l.last, l.pending, l.lastAt = 0, "", "", time.Time{}
}

// erase takes the status off the terminal.
func (l *Live) erase() {
	if l.height > 0 {
		fmt.Fprintf(l.out, "\x1b[%dA\x1b[J", l.height)
		l.height = 0
	}
}
