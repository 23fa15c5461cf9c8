package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// progress shows the progress of a run: draws and problems as permanent lines, and a status
// line.
type progress struct {
	live  *report.Live
	begin time.Time

	// dry means that draws are shown at the end of the run, unless they are empty.
	dry bool

	gone, kept, recovered, lost int
	step                        string
	answers                     map[string]string // what was shown of each pod last
}

func newProgress(live *report.Live) *progress {
	return &progress{live: live, begin: time.Now(), answers: map[string]string{}}
}

// waiting is the maximum number of records that wait for the screen. A blocked terminal must
// not block the run, so further records are not shown.
const waiting = 4096

// start shows records as they come, until end is called. It waits a short time until the last
// one is shown.
func (p *progress) start() (record func(journal.Record), end func()) {
	records, done := make(chan journal.Record, waiting), make(chan struct{})
	go func() {
		defer close(done)
		for r := range records {
			p.record(r)
		}
	}()
	record = func(r journal.Record) {
		select {
		case records <- r:
		default:
		}
	}
	return record, func() {
		close(records)
		select {
		case <-done:
		case <-time.After(lastWords):
		}
	}
}

// record shows what a record says.
func (p *progress) record(r journal.Record) {
	switch {
	case r.Start != nil:
		p.dry = r.Start.DryRun
		return
	case r.StepBegin != nil:
		p.step = r.StepBegin.Name
	case r.Choice != nil:
		if p.dry && !r.Choice.Empty() {
			return
		}
		p.say(r.Time, "%s", choiceLine(r.Choice, false))
	case r.Answer != nil:
		p.answer(r)
	case r.Lost != nil && !r.Lost.Drawn:
		p.lost++
	case r.Lost != nil: // also one that was not evicted: a webhook may have it moved, a node be down
		p.gone++
	case r.Recovered != nil:
		p.recovered++
	case r.Note != nil:
		p.say(r.Time, "%s", r.Note.Message)
	case r.Check != nil && !r.Check.OK:
		p.say(r.Time, "probe %s failed: %s", r.Check.Probe, r.Check.Message)
	case r.End != nil:
		if time.Since(p.begin) >= patience {
			p.show()
			p.live.Keep()
		}
		return
	default:
		return
	}
	p.show()
}

func (p *progress) answer(r journal.Record) {
	a := r.Answer
	switch a.Outcome {
	case disruption.Evicted, disruption.Deleted, journal.Moved: // it counts when it is lost
	case disruption.NotAsked, disruption.RefusedByBudget:
		p.kept++
	default:
		// The eviction of a pod may be retried many times.
		if said := fmt.Sprintf("%s: %s", a.Outcome, a.Error); p.answers[a.Victim.UID] != said {
			p.answers[a.Victim.UID] = said
			p.say(r.Time, "pod %s/%s: %s", a.Victim.Namespace, a.Victim.Pod, said)
		}
	}
}

func (p *progress) say(at time.Time, format string, args ...any) {
	p.live.Println(at.Format(time.TimeOnly) + " " + fmt.Sprintf(format, args...))
}

// patience is how long a run may take before it shows how far it is.
const patience = 2 * time.Second

func (p *progress) show() {
	if time.Since(p.begin) < patience {
		return
	}
	status := fmt.Sprintf("%s %s: %s removed", time.Since(p.begin).Round(time.Second), p.step, report.Count(p.gone, "pod"))
	for _, part := range []struct {
		n    int
		said string
	}{{p.kept, "kept by budgets"}, {p.recovered, "recovered"}, {p.lost, "lost otherwise"}} {
		if part.n > 0 {
			status += fmt.Sprintf(", %d %s", part.n, part.said)
		}
	}
	p.live.Show(status)
}

// named is how many victims a line names.
const named = 3

// leftOut says how many candidates were excluded, and why.
func leftOut(excluded map[string]int) string {
	var why []string
	for _, reason := range slices.Sorted(maps.Keys(excluded)) {
		why = append(why, fmt.Sprintf("%d %s", excluded[reason], reason))
	}
	if len(why) == 0 {
		return "none excluded"
	}
	return "excluded: " + strings.Join(why, ", ")
}

// choiceLine says what was drawn.
func choiceLine(c *journal.Choice, whole bool) string {
	var names []string
	for _, v := range c.Victims {
		names = append(names, fmt.Sprintf("pod %s/%s on %s", v.Namespace, v.Pod, v.Node))
	}
	for _, node := range c.Nodes {
		names = append(names, "node "+node)
	}
	if len(names) == 0 {
		return fmt.Sprintf("%s: nothing to remove, %s; %s", c.Fault, report.Count(c.Candidates, "candidate"), leftOut(c.Excluded))
	}
	more := ""
	if len(names) > named && !whole {
		more = fmt.Sprintf(" and %d more", len(names)-named)
		names = names[:named]
	}
	own := ""
	if len(c.Nodes) > 0 && c.Excluded[target.WhyOwn] > 0 {
		own = "; the node that this program runs on is excluded"
	}
	return fmt.Sprintf("%s: %s%s, of %s%s", c.Title(), strings.Join(names, ", "), more, report.Count(c.Candidates, "candidate"), own)
}
