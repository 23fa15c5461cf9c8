package report

import (
	"fmt"
	"time"
)

const (
	// patience is how long something may take before its progress is shown.
	patience = 2 * time.Second
	// refresh is the minimum time between two updates.
	refresh = 200 * time.Millisecond
)

// Progress shows what is being done, once it has taken longer than two seconds.
type Progress struct {
	live        *Live
	begin, last time.Time
	over        bool
}

// NewProgress returns a Progress that begins now.
func NewProgress(live *Live) *Progress { return &Progress{live: live, begin: time.Now()} }

// Say shows what is being done now.
func (p *Progress) Say(format string, args ...any) {
	if now := time.Now(); !p.over && now.Sub(p.begin) >= patience && now.Sub(p.last) >= refresh {
		p.last = now
		p.live.Show(fmt.Sprintf(format, args...))
	}
}

// End keeps the last line that was shown, if any. Nothing is shown after it.
func (p *Progress) End() {
	p.over = true
	if !p.last.IsZero() {
		p.live.Keep()
	}
}
