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
	p.say("planning: %s, %s proposed, %s", now.Strategy, report.Count(now.Proposed, "pod"), report.Count(now.Kept, "move"))
}

func (p *progress) executing(now executor.Progress) {
	waiting := ""
	if now.Waiting != "" {
		waiting = ", waiting for " + now.Waiting
	}
	p.say("wave %d: %d of %s evicted, %s ready, %s left%s", now.Wave, now.Evicted, report.Count(now.Planned, "pod"),
		report.Count(now.Ready, "replacement"), report.Count(now.Left, "move"), waiting)
}
