package app

import (
	"fmt"
	"time"

	"github.com/stowage-k8s/stowage/descheduler/executor"
	"github.com/stowage-k8s/stowage/descheduler/planner"
	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	// patience is how long a step may take before its progress is shown.
	patience = 2 * time.Second
	// refresh is the minimum time between two updates.
	refresh = 200 * time.Millisecond
)

// progress shows the progress of a run that takes longer than patience.
type progress struct {
	live        *report.Live
	begin, last time.Time
}

func newProgress(live *report.Live) *progress { return &progress{live: live, begin: time.Now()} }

func (p *progress) say(format string, args ...any) {
	if now := time.Now(); now.Sub(p.begin) >= patience && now.Sub(p.last) >= refresh {
		p.last = now
		p.live.Show(fmt.Sprintf(format, args...))
	}
}

// end keeps the last line that was shown, if any.
func (p *progress) end() {
	if !p.last.IsZero() {
		p.live.Keep()
	}
	p.begin, p.last = time.Now(), time.Time{}
}

func (p *progress) planning(now planner.Progress) {
	p.say("planning: %s, %d pods proposed, %d moves", now.Strategy, now.Proposed, now.Kept)
}

func (p *progress) executing(now executor.Progress) {
	waiting := ""
	if now.Waiting != "" {
		waiting = ", waiting for " + now.Waiting
	}
	p.say("wave %d: %d of %d pods evicted, %d replacements ready, %d moves left%s", now.Wave, now.Evicted, now.Planned, now.Ready, now.Left, waiting)
}
