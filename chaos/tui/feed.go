package tui

import (
	"context"
	"time"

	"k8s.io/utils/clock"
)

const (
	// refresh is how long a picture is shown at least: nobody reads faster.
	refresh = 200 * time.Millisecond
	// rest is how many times as long as it took to make a board the feed rests after it,
	// so that on large clusters it takes a third of one processor at most.
	rest = 2
)

// feed makes boards out of a source's pictures, away from the goroutine that draws.
type feed struct {
	source Source
	clock  clock.Clock
	send   func(*board)
}

// run sends a board at once, and another whenever something has changed.
func (f *feed) run(ctx context.Context) {
	var last *board
	for {
		began := f.clock.Now()
		last = newBoard(f.source.Picture(), last)
		took := f.clock.Since(began)
		f.send(last)
		select {
		case <-ctx.Done():
			return
		case <-f.clock.After(max(refresh, rest*took)):
		}
		select {
		case <-ctx.Done():
			return
		case <-f.source.Changed():
		}
	}
}
