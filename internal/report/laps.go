package report

import (
	"fmt"
	"strings"
	"time"
)

// Laps measures the time that the steps of a run take.
type Laps struct {
	begin, last time.Time
	lines       []string
}

// Start starts the clock.
func (l *Laps) Start() {
	l.begin = time.Now()
	l.last = l.begin
}

// Lap ends a step of the run and names it.
func (l *Laps) Lap(format string, args ...any) {
	now := time.Now()
	l.lines = append(l.lines, fmt.Sprintf("%6.1fs  %s", now.Sub(l.last).Seconds(), fmt.Sprintf(format, args...)))
	l.last = now
}

// String lists the steps and their sum.
func (l *Laps) String() string {
	return "Time spent\n" + strings.Join(l.lines, "\n") + fmt.Sprintf("\n%6.1fs  in total", l.last.Sub(l.begin).Seconds())
}
