// Package watch keeps the answers of chaos/survive up to date for a live cluster, tells changes, and
// shows the answers as metrics.
package watch

import (
	"context"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/survive"
	"github.com/stowage-k8s/stowage/chaos/target"
)

const (
	// pause is the time between two rounds at least: changes come in bursts.
	pause = time.Second
	// turn is the time between two rounds at most: losses that are stale have their turn in each, and
	// answers do not age while nothing changes.
	turn = 30 * time.Second
)

// Source is a cluster that changes.
type Source interface {
	Picture() *target.Picture
	// Changed receives when anything has changed since the last receive.
	Changed() <-chan struct{}
}

// Watcher keeps the answers for losses up to date.
type Watcher struct {
	Source  Source
	Tracker *survive.Tracker
	// Losses returns the losses that there are in a picture.
	Losses  func(*target.Picture) []*survive.Loss
	Metrics *Recorder
	Clock   clock.Clock
	// Check asks the API server for something. While that fails, what the source has may be old.
	Check func(context.Context) error
	// Begun, if set, is called when all losses have been predicted once, before they are told.
	Begun func()
	Out   Out

	// checked is the time of the latest picture before which the API server has answered.
	checked time.Time
}

// Run watches until the context ends, which is no error.
func (w *Watcher) Run(ctx context.Context) error {
	for first := true; ; first = false {
		err := w.round(ctx, first)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Source.Changed():
		case <-w.Clock.After(turn):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-w.Clock.After(pause):
		}
	}
}

// round brings the answers up to date, and tells what has changed.
func (w *Watcher) round(ctx context.Context, first bool) error {
	failing := w.Check(ctx)
	picture := w.Source.Picture()
	if failing == nil {
		w.checked = picture.Now
	} else {
		klog.FromContext(ctx).Error(failing, "The API server does not answer, so the predictions may be for an old state of the cluster")
	}
	losses := w.Losses(picture)
	var failed error
	round, err := w.Tracker.Update(ctx, picture, losses, func(turn survive.Turn) {
		if !first && failed == nil {
			failed = w.Out.turn(turn, w.Clock.Now())
		}
	})
	if err != nil {
		return err
	}
	answers := w.Tracker.Answers(losses)
	if !w.checked.IsZero() {
		w.Metrics.Record(answers, round, w.checked)
	}
	if first {
		if w.Begun != nil {
			w.Begun()
		}
		failed = w.Out.first(answers, w.Clock.Now())
	}
	return failed
}
