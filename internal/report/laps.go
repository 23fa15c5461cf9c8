package report

import (
	"fmt"
	"strings"
	"time"
)

// Laps measures where the time of a run goes.
type Laps struct {
	begin, last time.Time
	lines       []string
}

// Start starts the clock.
func (l *Laps) Start() {
	l.begin = time.Now()
	l.last = l.begin
}

// Lap ends a stretch of the run, and says what it was.
func (l *Laps) Lap(format string, args ...any) {
	now := time.Now()
	l.lines = append(l.lines, fmt.Sprintf("%6.1fs  %s", now.Sub(l.last).Seconds(), fmt.Sprintf(format, args...)))
	l.last = now
}

// String lists the stretches and their sum.
func (l *Laps) String() string {
	return "Where the time went\n" + strings.Join(l.lines, "\n") + fmt.Sprintf("\n%6.1fs  in all", l.last.Sub(l.begin).Seconds())
}
