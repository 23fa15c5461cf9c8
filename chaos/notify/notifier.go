package notify

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

const (
	// queueLength is how many events wait for a destination. Beyond that the oldest victims
	// are left out.
	queueLength = 1000
	// flushPatience is how long Close waits for what is left to be sent.
	flushPatience = 2 * time.Second
)

// Notifier sends events. It is safe for concurrent use. A nil Notifier sends nothing.
type Notifier struct {
	clock  clock.Clock
	to     []*destination
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// start starts the sending. It goes on after the context has ended, since the end of a run
// is to be told too.
func start(ctx context.Context, c clock.Clock, to ...*destination) *Notifier {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n := &Notifier{clock: c, to: to, cancel: cancel}
	for _, d := range to {
		n.done.Go(func() { d.run(ctx) })
	}
	return n
}

// Send sends the event in the background, and returns at once. An event without a time gets the
// current one.
func (n *Notifier) Send(e Event) {
	if n == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = n.clock.Now()
	}
	for _, d := range n.to {
		d.queue.add(e)
	}
}

// Close sends the remaining events, for at most two seconds. Send must not be called afterwards.
func (n *Notifier) Close() {
	if n == nil {
		return
	}
	for _, d := range n.to {
		d.queue.close()
	}
	flushed := make(chan struct{})
	go func() {
		n.done.Wait()
		close(flushed)
	}()
	timer := n.clock.NewTimer(flushPatience)
	defer timer.Stop()
	select {
	case <-flushed:
	case <-timer.C():
	}
	n.cancel()
	<-flushed // a request that is cancelled returns at once
}

// run sends what is in the queue until that is closed and empty, or the context ends.
func (d *destination) run(ctx context.Context) {
	logger := klog.FromContext(ctx).WithValues("to", d.name)
	failed, leftOut := 0, 0
	for {
		events, dropped, open := d.queue.take(ctx, d.atOnce)
		leftOut += dropped
		if len(events) == 0 && !open {
			break
		}
		if err := d.post(ctx, events); err != nil {
			failed += len(events)
			logger.Error(err, "Failed to send notifications", "events", len(events))
		}
	}
	waiting := d.queue.length()
	if failed+leftOut+waiting > 0 {
		logger.Info("Not all notifications were sent", "failed", failed, "tooMany", leftOut, "tooLate", waiting)
	}
}

// queue holds events until they are sent.
type queue struct {
	mu      sync.Mutex
	events  []Event
	dropped int
	closed  bool
	changed chan struct{} // has room for one
}

func newQueue() *queue { return &queue{changed: make(chan struct{}, 1)} }

// add adds an event. Where there is no room it leaves out the oldest victim, so that
// starts and ends stay.
func (q *queue) add(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.events = append(q.events, e)
	if len(q.events) > queueLength {
		oldest := max(0, slices.IndexFunc(q.events, func(e Event) bool { return e.Event == Victim }))
		q.events = slices.Delete(q.events, oldest, oldest+1)
		q.dropped++
	}
	q.wake()
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.changed <- struct{}{}:
	default:
	}
}

// take waits for events and returns up to so many, how many were left out since, and
// whether there may be more.
func (q *queue) take(ctx context.Context, most int) (events []Event, dropped int, open bool) {
	for {
		q.mu.Lock()
		if n := min(most, len(q.events)); n > 0 && ctx.Err() == nil {
			events, q.events = slices.Clone(q.events[:n]), slices.Delete(q.events, 0, n)
		}
		dropped, q.dropped = dropped+q.dropped, 0
		closed := q.closed
		q.mu.Unlock()
		if len(events) > 0 {
			return events, dropped, true
		}
		if closed || ctx.Err() != nil {
			return nil, dropped, false
		}
		select {
		case <-q.changed:
		case <-ctx.Done():
		}
	}
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.events)
}
