// Package report shows progress and results in terminals and files.
package report

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

const (
	// plainInterval is the minimum time between two status lines where the output is no terminal.
	plainInterval = 5 * time.Second
	// fallbackWidth is used if the terminal does not report its width.
	fallbackWidth = 80
)

// Live shows a changing status: redrawn in place on a terminal, as an occasional line
// elsewhere.
type Live struct {
	out io.Writer
	// width returns the terminal's width, in characters; nil means no terminal.
	width  func() int
	height int
	// shown is what is on the terminal now.
	shown string
	// last was printed at lastAt; pending was not, so far.
	last, pending string
	lastAt        time.Time
}

// NewLive returns a Live that writes to the file.
func NewLive(out *os.File) *Live {
	l := &Live{out: out}
	if term.IsTerminal(int(out.Fd())) {
		l.width = func() int {
			width, _, err := term.GetSize(int(out.Fd()))
			if err != nil || width <= 0 {
				return fallbackWidth
			}
			return width
		}
	}
	return l
}

// Show replaces the status, which may have several lines.
func (l *Live) Show(status string) {
	status = strings.TrimRight(status, "\n")
	if l.width != nil {
		l.erase()
		lines := strings.Split(status, "\n")
		for _, line := range lines {
			fmt.Fprintln(l.out, clip(line, l.width()))
		}
		l.height, l.shown = len(lines), status
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

// Println prints a permanent line above the status.
func (l *Live) Println(args ...any) {
	l.erase()
	fmt.Fprintln(l.out, args...)
}

// Step shows a step: as a permanent line, or as the status while it is interim.
func (l *Live) Step(line string, interim bool) {
	if interim {
		l.Show(line)
	} else {
		l.Println(line)
	}
}

// Keep makes the current status permanent, at its full width.
func (l *Live) Keep() {
	switch {
	case l.height > 0:
		l.erase()
		fmt.Fprintln(l.out, l.shown)
	case l.pending != "":
		fmt.Fprintln(l.out, l.pending)
	}
	l.height, l.last, l.pending, l.lastAt = 0, "", "", time.Time{}
}

// erase removes the status from the terminal.
func (l *Live) erase() {
	if l.height > 0 {
		fmt.Fprintf(l.out, "\x1b[%dA\x1b[J", l.height)
		l.height = 0
	}
}

// clip cuts a line to the width: a longer one would wrap, and could not be erased.
func clip(line string, width int) string {
	runes := []rune(line)
	return string(runes[:min(len(runes), width)])
}
