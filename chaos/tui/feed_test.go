package tui

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// source is a fake whose picture changes when it is told to.
type source struct {
	world    atomic.Pointer[world]
	changed  chan struct{}
	pictures atomic.Int32
	// slow is what a picture takes.
	slow func()
}

func newSource(w *world) *source {
	s := &source{changed: make(chan struct{}, 1)}
	s.world.Store(w)
	return s
}

func (s *source) Picture() *target.Picture {
	s.pictures.Add(1)
	if s.slow != nil {
		s.slow()
	}
	return target.NewPicture(&s.world.Load().Snapshot, noon)
}

func (s *source) Changed() <-chan struct{} { return s.changed }

func (s *source) change(w *world) {
	s.world.Store(w)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func TestTheFeedRestsBetweenBoards(t *testing.T) {
	for name, tt := range map[string]struct{ takes, rests time.Duration }{
		"five times a second at most":        {0, refresh},
		"twice as long as a board has taken": {time.Second, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			c := clocktesting.NewFakeClock(noon)
			s := newSource(small())
			s.slow = func() { c.Step(tt.takes) }
			boards := make(chan *board)
			f := feed{source: s, clock: c, send: func(b *board) { boards <- b }}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); f.run(ctx) }()
			<-boards // the first comes by itself
			s.change(small())
			waitFor(t, c.HasWaiters)
			c.Step(tt.rests - 1)
			if n := s.pictures.Load(); n != 1 || !c.HasWaiters() {
				t.Errorf("it has not rested; %d pictures", n)
			}
			c.Step(1)
			<-boards
			waitFor(t, c.HasWaiters)
			c.Step(time.Hour)
			if n := s.pictures.Load(); n != 2 {
				t.Errorf("%d pictures though nothing has changed", n)
			}
			stop()
			<-done
		})
	}
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for !is() {
		if t.Context().Err() != nil {
			t.Fatal("it never came")
		}
		time.Sleep(time.Millisecond)
	}
}
