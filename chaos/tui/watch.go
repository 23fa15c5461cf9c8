package tui

import (
	"cmp"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
)

// stage is how far something that is done has come.
type stage int

const (
	doing stage = iota
	aborting
	restoring
	finished
)

// watch is the recovery of what was taken away.
type watch struct {
	victim  Victim
	tracks  []*track
	begun   time.Time
	ended   time.Time
	stage   stage
	aborted bool
	// err is what Do returned, and restoreErr what Restore did.
	err, restoreErr error
	top             int
}

// track is the availability of a workload since the beginning.
type track struct {
	workload string
	desired  int
	// before is how many pods were ready at first, floor how few the prediction says, and
	// lowest how few were seen.
	before, floor, lowest int
	points                []point
}

// point is how many pods are ready from then on.
type point struct {
	at    time.Time
	ready int
}

// newWatch follows the workloads that a prediction names.
func newWatch(victim Victim, p *assess.Prediction, b *board, now time.Time) *watch {
	w := &watch{victim: victim, begun: now}
	for _, fate := range p.Workloads {
		a := b.availability[fate.Workload]
		w.tracks = append(w.tracks, &track{
			workload: fate.Workload, desired: fate.Desired, before: a.ready, floor: fate.Floor, lowest: a.ready, points: []point{{now, a.ready}},
		})
	}
	return w
}

// observe takes note of what has changed.
func (w *watch) observe(b *board, now time.Time) {
	for _, t := range w.tracks {
		a, known := b.availability[t.workload]
		if known {
			t.desired = a.desired
		}
		if a.ready != t.now() {
			t.points = append(t.points, point{now, a.ready})
			t.lowest = min(t.lowest, a.ready)
		}
	}
}

func (w *watch) abort() {
	if w.stage == doing {
		w.stage, w.aborted = aborting, true
	}
}

func (w *watch) done(now time.Time, err error) {
	w.stage, w.ended, w.err = restoring, now, err
}

func (w *watch) restored(err error) { w.stage, w.restoreErr = finished, err }

func (w *watch) over() bool { return w.stage == finished }

// elapsed returns how long it took, or has taken so far.
func (w *watch) elapsed(now time.Time) time.Duration {
	if !w.ended.IsZero() {
		now = w.ended
	}
	return now.Sub(w.begun)
}

// short returns how many workloads have fewer pods ready than before.
func (w *watch) short() int {
	n := 0
	for _, t := range w.tracks {
		n += one(t.short())
	}
	return n
}

// order returns the tracks, those that are short first.
func (w *watch) order() []*track {
	return slices.SortedStableFunc(slices.Values(w.tracks), func(a, b *track) int { return cmp.Compare(one(b.short()), one(a.short())) })
}

// now returns how many pods are ready.
func (t *track) now() int { return t.points[len(t.points)-1].ready }

// goal is how many pods must be ready again: as many as were, unless fewer are wanted now.
func (t *track) goal() int {
	if t.desired >= 0 {
		return min(t.before, t.desired)
	}
	return t.before
}

func (t *track) short() bool { return t.now() < t.goal() }

// since returns when the workload has become what it is now: short, or whole again. It is
// the beginning for one that was never short.
func (t *track) since() time.Time {
	at := t.points[0].at
	for i, p := range t.points[1:] {
		if (p.ready < t.goal()) != (t.points[i].ready < t.goal()) {
			at = p.at
		}
	}
	return at
}

// sparkline draws the time from the beginning until now in so many characters: the fewest
// pods that were ready in each part of it, of as many as were at first.
func (t *track) sparkline(now time.Time, width int) string {
	line := make([]rune, width)
	begun := t.points[0].at
	whole := now.Sub(begun)
	next, ready := 1, t.points[0].ready
	part := func(i int) time.Time { return begun.Add(whole * time.Duration(i) / time.Duration(width)) }
	for i := range line {
		for ; next < len(t.points) && !t.points[next].at.After(part(i)); next++ {
			ready = t.points[next].ready
		}
		lowest := ready
		for ; next < len(t.points) && (t.points[next].at.Before(part(i+1)) || i == width-1); next++ {
			ready = t.points[next].ready
			lowest = min(lowest, ready)
		}
		line[i] = spark(lowest, max(1, t.before))
	}
	return string(line)
}

// scrollBy returns the first line to show of so many after moving.
func scrollBy(top, by, lines, height int) int { return max(0, min(top+by, lines-height)) }

// pressWatch answers a key at the recovery.
func (m *model) pressWatch(name string) {
	switch name {
	case "esc", "backspace":
		m.screen = browsing
	case "enter":
		if m.watch.over() {
			m.screen = browsing
		}
	default:
		page := m.height - watchChrome
		m.watch.top = scrollBy(m.watch.top, steps(name, page), len(m.watch.tracks), page)
	}
}
